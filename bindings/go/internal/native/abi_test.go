package native

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// include is where larder.h is in the repository.
const include = "../../../../include"

var (
	constantPattern = regexp.MustCompile(`(?m)^#define (LARDER_[A-Z_]+) -?\d+$`)
	structPattern   = regexp.MustCompile(`(?s)typedef struct \{\n(.*?)\} (larder_\w+_t);`)
	fieldPattern    = regexp.MustCompile(`(\w+)(?:\[\d+\])?;`)
	commentPattern  = regexp.MustCompile(`(?s)/\*.*?\*/`)
)

func TestTheDeclarationsOfThisPackageAreThoseOfTheHeader(t *testing.T) {
	ours, theirs := readSource(t, "abi.h"), readSource(t, filepath.Join(include, "larder.h"))
	printer := printerOf(ours)
	if count := strings.Count(printer, "printf"); count < 140 {
		t.Fatalf("only %d constants and fields were found in abi.h", count)
	}
	fromOurs := run(t, compile(t, "#include \"abi.h\"\n"+printer))
	fromTheirs := run(t, compile(t, "#include \"larder.h\"\n"+printer))
	if fromOurs != fromTheirs {
		t.Errorf("abi.h says\n%s\nlarder.h says\n%s", fromOurs, fromTheirs)
	}
	for _, found := range structPattern.FindAllStringSubmatch(theirs, -1) {
		if name := found[2]; strings.Contains(ours, name+";") && fieldsOf(ours, name) != fieldsOf(theirs, name) {
			t.Errorf("%s has the fields %s here and %s in larder.h", name, fieldsOf(ours, name), fieldsOf(theirs, name))
		}
	}
}

func TestTheSignaturesOfThisPackageAreThoseOfTheHeader(t *testing.T) {
	compile(t, `#include "larder.h"
#include "abi.h"
#define SAME(result, name, parameters) \
  _Static_assert(__builtin_types_compatible_p(__typeof__(&name), result (*) parameters), #name);
LARDER_GO_FUNCTIONS(SAME)
int main(void) { return 0; }
`, "-c")
}

// printerOf is a program that prints every constant of a header and the place of every field.
func printerOf(header string) string {
	var program strings.Builder
	program.WriteString("#include <stdio.h>\nint main(void) {\n")
	for _, found := range constantPattern.FindAllStringSubmatch(header, -1) {
		fmt.Fprintf(&program, "printf(\"%s %%ld\\n\", (long)%s);\n", found[1], found[1])
	}
	for _, found := range structPattern.FindAllStringSubmatch(header, -1) {
		name := found[2]
		fmt.Fprintf(&program, "printf(\"%s %%zu\\n\", sizeof(%s));\n", name, name)
		for _, field := range fieldPattern.FindAllStringSubmatch(found[1], -1) {
			fmt.Fprintf(&program, "printf(\"%s.%s %%zu %%zu\\n\", offsetof(%s, %s), sizeof((%s){0}.%s));\n",
				name, field[1], name, field[1], name, field[1])
		}
	}
	program.WriteString("return 0;\n}\n")
	return program.String()
}

// fieldsOf are the names of a struct's fields in their order.
func fieldsOf(header, name string) string {
	for _, found := range structPattern.FindAllStringSubmatch(header, -1) {
		if found[2] != name {
			continue
		}
		var names []string
		for _, field := range fieldPattern.FindAllStringSubmatch(found[1], -1) {
			names = append(names, field[1])
		}
		return strings.Join(names, " ")
	}
	return ""
}

func readSource(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; this test belongs to Larder's repository", err)
	}
	return commentPattern.ReplaceAllString(string(text), "")
}

// compile compiles a program with every warning as an error.
func compile(t *testing.T, program string, options ...string) string {
	t.Helper()
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	output := filepath.Join(t.TempDir(), "program")
	arguments := []string{"-std=c11", "-Wall", "-Wextra", "-Werror", "-I.", "-I" + include, "-x", "c", "-", "-o", output}
	command := exec.Command(compiler, append(arguments, options...)...)
	command.Stdin = strings.NewReader(program)
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return output
}

func run(t *testing.T, program string) string {
	t.Helper()
	said, err := exec.Command(program).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return string(said)
}
