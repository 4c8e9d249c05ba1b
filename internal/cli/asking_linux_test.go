package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// pair opens a terminal: what is written to person is what somebody types at it.
func pair(t *testing.T) (person, seat *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	control := func(request uintptr, v *int32) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(v))); errno != 0 {
			t.Fatal(errno)
		}
	}
	var unlock, number int32
	control(syscall.TIOCSPTLCK, &unlock)
	control(syscall.TIOCGPTN, &number)
	seat, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = seat.Close() })
	return person, seat
}

func TestInterview_asks_five_questions_at_a_terminal_and_no_more(t *testing.T) {
	person, seat := pair(t)
	var said bytes.Buffer
	i := &interview{r: &run{Command: Command{Stdin: seat, Stderr: &said}}}
	if _, err := person.WriteString(strings.Repeat("two\n", 5)); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if got, err := i.ask("job", "Which?\x1b[31m", "one", "two"); got != "two" || err != nil {
			t.Fatalf("answer %d is %q, %v", n, got, err)
		}
	}
	if got, err := i.ask("subject", "What?"); got != "" || err != nil || len(i.lacks) != 1 {
		t.Errorf("the sixth question is asked: %q, %v", got, err)
	}
	if strings.Contains(said.String(), "\x1b") || strings.Count(said.String(), "one, two") != 5 {
		t.Errorf("a person reads %q", said.String())
	}
}

func TestInterview_an_answer_that_is_none_is_refused(t *testing.T) {
	for _, typed := range []string{"three\n", "\n"} {
		person, seat := pair(t)
		i := &interview{r: &run{Command: Command{Stdin: seat, Stderr: &bytes.Buffer{}}}}
		if _, err := person.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		if got, err := i.ask("job", "Which?", "one", "two"); fault.Of(err).Kind != fault.Usage || err == nil {
			t.Errorf("%q gives %q, %v, want a usage fault", typed, got, err)
		}
	}
}

func TestInterview_without_a_terminal_every_flag_is_named_at_once(t *testing.T) {
	i := &interview{r: &run{Command: Command{Stdin: strings.NewReader("two\n"), Stderr: &bytes.Buffer{}}}}
	for _, flag := range []string{"job", "use"} {
		if got, err := i.ask(flag, "Which?", "one", "two"); got != "" || err != nil {
			t.Fatalf("%s: %q, %v", flag, got, err)
		}
	}
	err := i.over()
	if f := fault.Of(err); err == nil || f.Kind != fault.Usage || !strings.Contains(f.Error(), "--job") || !strings.Contains(f.Error(), "--use") {
		t.Errorf("it ends with %v, want both flags", err)
	}
}
