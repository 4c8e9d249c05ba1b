package difference_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs are object files of C that differ in a path and in a time, where there is a compiler.
func programs(t testing.TB) [][2][]byte {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		return nil
	}
	made := func(name, epoch string, flags ...string) []byte {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.c"), []byte("char *x = __DATE__ __TIME__;\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("gcc", append(flags, "-c", "x.c", "-o", "x.o")...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "SOURCE_DATE_EPOCH="+epoch)
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		b, err := os.ReadFile(filepath.Join(dir, "x.o"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one := made("one", "1700000000", "-g")
	return [][2][]byte{
		{one, made("two", "1700000000", "-g")}, {one, made("one", "1700000777", "-g")},
		{made("one", "1700000000", "-g", "-gz"), made("another", "1700000000", "-g", "-gz")},
	}
}
