package serve

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/server/event"
)

// A repository and an owner are known by host and number.
func TestJ07_a_reader_sees_what_is_of_its_host_and_number(t *testing.T) {
	of := event.Repository{Host: "https://github.com", Owner: "501", ID: "7777"}
	for _, x := range []struct {
		what string
		who  reader
		want bool
	}{
		{"who reads everything", reader{all: true}, true},
		{"its owner", reader{host: of.Host, owner: "501"}, true},
		{"its job", reader{host: of.Host, owner: "501", repository: "7777"}, true},
		{"its job, of the owner before", reader{host: of.Host, owner: "499", repository: "7777"}, true},
		{"an owner of that number on another host", reader{host: "https://other.example", owner: "501"}, false},
		{"a job of that number on another host", reader{host: "https://other.example", owner: "501",
			repository: "7777"}, false},
		{"another owner", reader{host: of.Host, owner: "502"}, false},
		{"a job of another repository of the owner", reader{host: of.Host, owner: "501", repository: "7778"}, false},
		{"nobody", reader{}, false},
	} {
		if got := x.who.sees(of); got != x.want {
			t.Errorf("%s: %v, want %v", x.what, got, x.want)
		}
	}
	if (&reader{host: of.Host}).sees(event.Repository{Host: of.Host, ID: "7777"}) {
		t.Error("what has no owner is shown to who has none")
	}
}
