//go:build unix

package audit

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestOnlyTheUserCanReadTheTrail(t *testing.T) {
	trail := trailOn(t, &stream{reply: "1-0"})
	path := filepath.Join(trail.Dir.Path, FileName)
	again := func() {
		t.Helper()
		if _, err := trail.Do(t.Context(), order("op"), done); err != nil {
			t.Fatal(err)
		}
		if d, f := mode(t, trail.Dir.Path), mode(t, path); private && (d != 0o700 || f != 0o600) {
			t.Errorf("directory %#o, file %#o", d, f)
		}
	}
	again()
	os.Chmod(path, 0o644)
	os.Chmod(trail.Dir.Path, 0o777)
	again()
	if got := lines(t, trail); len(got) != 4 {
		t.Errorf("the file has %d lines", len(got))
	}
}

func TestADirectoryThatTheUserChoseKeepsItsMode(t *testing.T) {
	trail := trailOn(t, &stream{reply: "1-0"})
	trail.Dir.Given = true
	os.MkdirAll(trail.Dir.Path, 0o755)
	os.Chmod(trail.Dir.Path, 0o755)
	if _, err := trail.Do(t.Context(), order("op"), done); err != nil || mode(t, trail.Dir.Path) != 0o755 {
		t.Errorf("%v, mode %#o", err, mode(t, trail.Dir.Path))
	}
	os.Chmod(trail.Dir.Path, 0o777)
	if _, err := trail.Do(t.Context(), order("op"), done); private && (err == nil || !strings.Contains(err.Error(), "others can write to "+trail.Dir.Path)) {
		t.Errorf("a directory that all can write to: %v", err)
	}
}

func TestNothingIsWrittenToWhereSomebodyElseCouldHavePointed(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for name, set := range map[string]func(dir, path string) error{
		"is a symbolic link":  func(_, path string) error { return os.Symlink(elsewhere, path) },
		"has 2 names":         func(_, path string) error { return os.Link(elsewhere, path) },
		"is no plain file":    func(_, path string) error { return syscall.Mkfifo(path, 0o600) },
		"is a directory":      func(_, path string) error { return os.Mkdir(path, 0o700) },
		"is a symbolic link ": func(dir, _ string) error { os.Remove(dir); return os.Symlink(filepath.Dir(elsewhere), dir) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(elsewhere, []byte("theirs\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			trail := trailOn(t, &stream{reply: "1-0"})
			if err := os.MkdirAll(trail.Dir.Path, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := set(trail.Dir.Path, filepath.Join(trail.Dir.Path, FileName)); err != nil {
				t.Fatal(err)
			}
			_, err := trail.Do(t.Context(), order("op"), func(context.Context) (Result, error) {
				t.Error("the step was taken")
				return Result{}, nil
			})
			if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
				t.Errorf("%v", err)
			}
			if text, _ := os.ReadFile(elsewhere); string(text) != "theirs\n" {
				t.Errorf("the other file has %q", text)
			}
		})
	}
}

func TestALineAfterACutOneIsWhole(t *testing.T) {
	trail := trailOn(t, &stream{reply: "1-0"})
	if _, err := trail.Do(t.Context(), order("op1"), done); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(trail.Dir.Path, FileName)
	whole, _ := os.ReadFile(path)
	for cut := len(whole) - 1; cut > len(whole)-40; cut-- {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := trail.Do(t.Context(), order("op2"), done); err != nil {
			t.Fatal(err)
		}
		orders, _, err := Local(trail.Dir)
		if err != nil || len(orders) != 2 || orders[1].Operation != "op2" || orders[1].Outcome != Done {
			t.Fatalf("cut at %d: %+v, %v", cut, orders, err)
		}
	}
}

func TestWhereTheTrailLies(t *testing.T) {
	for _, c := range []struct {
		system string
		vars   map[string]string
		want   Dir
	}{
		{"linux", map[string]string{"HOME": "/home/ann"}, Dir{Path: "/home/ann/.local/state/locktop"}},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "/state"}, Dir{Path: "/state/locktop"}},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "state"}, Dir{Path: "/home/ann/.local/state/locktop"}},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "/state", StateDirVariable: "/var/lib/locktop"}, Dir{Path: "/var/lib/locktop", Given: true}},
		{"darwin", map[string]string{"HOME": "/Users/ann"}, Dir{Path: "/Users/ann/Library/Application Support/locktop"}},
		{"windows", map[string]string{"LocalAppData": "/c/local", "XDG_STATE_HOME": "/state"}, Dir{Path: "/c/local/locktop"}},
		{"windows", map[string]string{"USERPROFILE": "/c/ann"}, Dir{Path: "/c/ann/AppData/Local/locktop"}},
		{"linux", nil, Dir{}},
		{"linux", map[string]string{"HOME": "home"}, Dir{}},
	} {
		if got := stateDir(c.system, func(name string) string { return c.vars[name] }); got != c.want {
			t.Errorf("%s, %v: %+v", c.system, c.vars, got)
		}
	}
}
