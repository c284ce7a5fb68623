//go:build race

package larder

// raceEnabled says whether the race detector is in, under which some calls allocate.
const raceEnabled = true
