package audit

// The local file: opened with care, a line appended by one write, and on disk before it counts.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// FileName is the trail's file in the state directory.
const FileName = "audit.jsonl"

// file is what a journal needs of an open file.
type file interface {
	io.ReaderAt
	io.WriteCloser
	Stat() (fs.FileInfo, error)
	Sync() error
}

// journal is the local file, open for appending.
type journal struct{ to file }

// openJournal makes what is missing, private, and refuses what somebody else could have put there.
func openJournal(dir Dir) (*journal, error) {
	if dir.Path == "" {
		return nil, errNoDir
	}
	if err := os.MkdirAll(dir.Path, 0o700); err != nil {
		return nil, err
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	path := dir.File()
	there, missing := os.Lstat(path)
	if missing == nil && there.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s is a symbolic link", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|notFollowing, 0o600)
	if err != nil {
		return nil, err
	}
	if err := checkFile(path, f); err != nil {
		f.Close()
		return nil, err
	}
	if errors.Is(missing, fs.ErrNotExist) {
		syncDir(dir.Path)
	}
	return &journal{f}, nil
}

// checkDir wants a directory in which nobody else can put or replace a file.
func checkDir(dir Dir) error {
	info, err := os.Lstat(dir.Path)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 && dir.Given {
		if info, err = os.Stat(dir.Path); err != nil { // a link that the user named is the user's business
			return err
		}
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link", dir.Path)
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir.Path)
	}
	if err := owned(dir.Path, info); err != nil {
		return err
	}
	if !private {
		return nil
	}
	if !dir.Given && info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(dir.Path, 0o700)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to %s (mode %#o)", dir.Path, info.Mode().Perm())
	}
	return nil
}

// checkFile wants a plain file of ours with one name, and makes it readable for us alone.
func checkFile(path string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no plain file", path)
	}
	if err := owned(path, info); err != nil {
		return err
	}
	if names := linksOf(info); names > 1 {
		return fmt.Errorf("%s has %d names, so that others may read or change it", path, names)
	}
	if private && info.Mode().Perm() != 0o600 {
		return f.Chmod(0o600)
	}
	return nil
}

// append writes a line and sees that it is on disk. After a line that was cut, by a full disk or
// a lost power supply, it begins a new one.
func (j *journal) append(l *line) error {
	encoded, err := l.encode()
	if err != nil {
		return err
	}
	text := make([]byte, 0, len(encoded)+2)
	info, err := j.to.Stat()
	if err != nil {
		return err
	}
	last := []byte{'\n'}
	if size := info.Size(); size > 0 {
		if _, err := j.to.ReadAt(last, size-1); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if last[0] != '\n' {
		text = append(text, '\n')
	}
	text = append(append(text, encoded...), '\n')
	if _, err := j.to.Write(text); err != nil {
		return err
	}
	return j.to.Sync()
}

func (j *journal) close() { j.to.Close() }

// syncDir makes the file's name last. A file system that cannot do that has no better way.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		d.Sync()
		d.Close()
	}
}
