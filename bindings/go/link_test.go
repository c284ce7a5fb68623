package larder

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheBuildTagsLinkTheLibrary builds an example against an installation that pkg-config finds. The archive and the
// shared object are those beside the library under test.
func TestTheBuildTagsLinkTheLibrary(t *testing.T) {
	library, err := filepath.Abs(os.Getenv("LARDER_LIBRARY"))
	must(t, err)
	prefix := installFor(t, library)
	for _, tag := range []string{"larder_pkgconfig", "larder_static"} {
		program := filepath.Join(prefix, tag)
		build := exec.Command("go", "build", "-tags", tag, "-o", program, "./examples/basics")
		// go build keeps what it built with another answer of pkg-config's, unless the flags differ too.
		build.Env = append(os.Environ(), "PKG_CONFIG_PATH="+filepath.Join(prefix, "lib", "pkgconfig"),
			"CGO_CFLAGS=-O2 -g -I"+filepath.Join(prefix, "include"))
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", tag, err, said)
		}
		run := exec.Command(program)
		run.Env = []string{"PATH=" + os.Getenv("PATH")}
		shared := tag == "larder_pkgconfig"
		if shared {
			run.Env = append(run.Env, "LD_LIBRARY_PATH="+filepath.Join(prefix, "lib"))
		}
		said, err := run.CombinedOutput()
		if err != nil || !strings.Contains(string(said), "greeting: hello") {
			t.Errorf("%s: %v\n%s", tag, err, said)
		}
		needed, err := exec.Command("readelf", "-d", program).CombinedOutput()
		must(t, err)
		if needs := strings.Contains(string(needed), "liblarder.so"); needs != shared {
			t.Errorf("%s: it needs\n%s", tag, needed)
		}
	}
}

// installFor lays header, library, archive and larder.pc out as an installation does.
func installFor(t *testing.T, library string) (prefix string) {
	t.Helper()
	prefix = t.TempDir()
	header, err := filepath.Abs(filepath.Join("..", "..", "include"))
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(prefix, "lib", "pkgconfig"), 0o700))
	must(t, os.Symlink(header, filepath.Join(prefix, "include")))
	must(t, os.Symlink(library, filepath.Join(prefix, "lib", "liblarder.so.1")))
	must(t, os.Symlink(library, filepath.Join(prefix, "lib", "liblarder.so")))
	archive := strings.TrimSuffix(library, ".so") + ".a"
	if _, err := os.Stat(archive); err != nil {
		t.Fatalf("%v; build the library with cargo build --release", err)
	}
	must(t, os.Symlink(archive, filepath.Join(prefix, "lib", "liblarder.a")))
	described := fmt.Sprintf("Name: larder\nDescription: Larder\nVersion: 1\nCflags: -I%[1]s/include\n"+
		"Libs: -L%[1]s/lib -llarder\nLibs.private: -lpthread -ldl -lm -lrt -lgcc_s\n", prefix)
	must(t, os.WriteFile(filepath.Join(prefix, "lib", "pkgconfig", "larder.pc"), []byte(described), 0o600))
	return prefix
}
