package main

import "testing"

func TestLink(t *testing.T) {
	if got, want := link("alice"), "https://hello.example/alice"; got != want {
		t.Errorf("link = %q, want %q", got, want)
	}
}

func TestLinkOfTwoWords(t *testing.T) {
	if got, want := link("a b"), "https://hello.example/a%20b"; got != want {
		t.Errorf("link = %q, want %q", got, want)
	}
}
