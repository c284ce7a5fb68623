package larder

import (
	"context"
	"log/slog"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// logLevels are the library's levels, the gravest first.
var logLevels = []struct {
	native int32
	slog   slog.Level
}{
	{native.LogError, slog.LevelError},
	{native.LogWarn, slog.LevelWarn},
	{native.LogInfo, slog.LevelInfo},
	{native.LogDebug, slog.LevelDebug},
}

// startLog begins to tell a logger the lines that it has enabled; nil where there are none.
func startLog(logger *slog.Logger) (*native.Log, error) {
	if logger == nil {
		return nil, nil
	}
	level := int32(0)
	for _, known := range logLevels {
		if logger.Enabled(context.Background(), known.slog) {
			level = known.native
		}
	}
	if level == 0 {
		return nil, nil
	}
	started, failure := native.StartLog(level, func(line native.LogLine) { tell(logger, line) })
	return started, failed("log", failure)
}

// tell writes a line of the library's. A logger's handler that panics must not end the process from a foreign thread.
func tell(logger *slog.Logger, line native.LogLine) {
	defer func() { _ = recover() }()
	level := slog.LevelDebug
	for _, known := range logLevels {
		if known.native == line.Level {
			level = known.slog
		}
	}
	attributes := []slog.Attr{slog.String("target", line.Target)}
	if line.Dropped > 0 {
		attributes = append(attributes, slog.Uint64("dropped", line.Dropped))
	}
	logger.LogAttrs(context.Background(), level, line.Message, attributes...)
}
