package larder

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// openElsewhere opens a larder in a process of its own, with the library's path in its environment or none, and with
// a library beside the executable or none. It returns what Open said.
func openElsewhere(t *testing.T, libraryVariable string, beside string) string {
	t.Helper()
	own, err := os.Executable()
	must(t, err)
	directory := t.TempDir()
	executable := filepath.Join(directory, "program")
	must(t, os.Link(own, executable))
	if beside != "" {
		must(t, os.Symlink(beside, filepath.Join(directory, "liblarder.so")))
	}
	command := exec.Command(executable)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LARDER_") && !strings.HasPrefix(variable, "LD_LIBRARY_PATH=") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, openVariable+"=memory://")
	if libraryVariable != "" {
		command.Env = append(command.Env, "LARDER_LIBRARY="+libraryVariable)
	}
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return strings.TrimSpace(string(said))
}

func expectText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("expected %q in\n%s", part, text)
		}
	}
}

// sharedObject compiles a library of a few lines.
func sharedObject(t *testing.T, source string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "liblarder.so")
	command := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path)
	command.Stdin = strings.NewReader(source)
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return path
}

func TestALibraryThatIsNowhereGivesOneErrorThatSaysWhereItWasLookedFor(t *testing.T) {
	said := openElsewhere(t, "", "")
	if said == "<nil>" {
		t.Log("a library is installed on this machine, and was found")
		return
	}
	expectText(t, said, "larder: the library could not be loaded; tried",
		"liblarder.so.1 (beside the executable)", "liblarder.so (on the loader's path)",
		"cannot open shared object file", "Set LARDER_LIBRARY")
	if _, listed, _ := strings.Cut(said, "tried"); strings.Count(listed, "\n") != 5 {
		t.Errorf("expected four places and an advice:\n%s", said)
	}
}

func TestALibraryThatWasAskedForIsTheOnlyOneThatIsTried(t *testing.T) {
	said := openElsewhere(t, "/no/such/library.so", "")
	expectText(t, said, "/no/such/library.so (named by LARDER_LIBRARY): cannot open shared object file")
	if strings.Contains(said, "loader's path)") {
		t.Errorf("another place was tried:\n%s", said)
	}
}

func TestALibraryBesideTheExecutableIsFound(t *testing.T) {
	_, err := Version()
	must(t, err)
	library := os.Getenv("LARDER_LIBRARY")
	if library == "" {
		t.Fatal("set LARDER_LIBRARY to the library under test")
	}
	if said := openElsewhere(t, "", library); said != "<nil>" {
		t.Error(said)
	}
}

func TestALibraryThatIsTooOldOrAnotherOneIsRefused(t *testing.T) {
	old := sharedObject(t, "unsigned larder_abi_version(void) { return 0; }")
	expectText(t, openElsewhere(t, old, ""), old, "it has the ABI number 0, this package needs 1 or a later one")
	other := sharedObject(t, "int something_else(void) { return 0; }")
	expectText(t, openElsewhere(t, other, ""), "it has no function larder_abi_version, so it is not Larder")
	part := sharedObject(t, "unsigned larder_abi_version(void) { return 1; }")
	expectText(t, openElsewhere(t, part, ""), "it has no function larder_")
	text := filepath.Join(t.TempDir(), "text.so")
	must(t, os.WriteFile(text, []byte("no library"), 0o600))
	expectText(t, openElsewhere(t, text, ""), text)
}

func TestAFailedLoadIsErrLibraryAndAConfigurationThatIsWrongIsErrConfig(t *testing.T) {
	if err := error(&libraryError{errors.New("why")}); !errors.Is(err, ErrLibrary) || err.Error() != "larder: why" {
		t.Errorf("it is %v", err)
	}
	_, err := Open(context.Background(), "memroy://")
	var failure *Error
	if !errors.Is(err, ErrConfig) || !errors.As(err, &failure) || failure.Source != "type" {
		t.Errorf("expected ErrConfig for the type, it is %v", err)
	}
	expectText(t, err.Error(), "larder: open: type: ", `did you mean "memory"?`)
	_, err = Open(context.Background(), "file:///no/such/file.toml")
	if !errors.Is(err, ErrIO) {
		t.Errorf("expected ErrIO, it is %v", err)
	}
}

func TestAProgramWithoutCgoDoesNotCompileAndSaysWhy(t *testing.T) {
	command := exec.Command("go", "build", ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := command.CombinedOutput()
	if err == nil {
		t.Fatal("it compiled")
	}
	expectText(t, string(said), "larder_needs_cgo__build_with_CGO_ENABLED_1_and_a_C_compiler")
	if lines := strings.Count(strings.TrimSpace(string(said)), "\n"); lines > 1 {
		t.Errorf("it says more than that:\n%s", said)
	}
}
