package build_test

import (
	"strings"
	"testing"
)

func TestN02_of_a_script_the_secret_word_alone_is_hidden_where_it_ends_for_certain(t *testing.T) {
	for script, want := range map[string]string{
		"make all; API_TOKEN=" + mark + " ./publish dist": "make all; API_TOKEN=[hidden] ./publish dist",
		"tool --password " + mark + "; ls":                "tool --password [hidden]; ls",
		`A="1" MY_PASSWORD="` + mark + `" ./build x`:      `A="1" MY_PASSWORD="[hidden]" ./build x`,
		"X_TOKEN=a Y_TOKEN=" + mark + " z":                "X_TOKEN=[hidden] Y_TOKEN=[hidden] z",
		"cc -c a.c && ls":                                 "cc -c a.c && ls",
	} {
		kept := written(t, []string{"sh", "-c", script}, nil)
		if leaks(kept) || !strings.Contains(strings.NewReplacer(`\"`, `"`, `\u0026`, "&").Replace(kept), want) {
			t.Errorf("%s: want %s in %s", script, want, kept)
		}
	}
	for _, script := range []string{
		`X_TOKEN=a"b ` + mark + `" z`, `X_TOKEN="a b` + mark + `" z`, `X_TOKEN=a\ ` + mark + ` z`,
		"X_TOKEN='a'" + mark + " z",
		"X_TOKEN=$(echo " + mark + ") z", "curl -H 'Authorization: Basic " + mark + "' x",
		"X_TOKEN=`echo " + mark + "` z",
		"X_TOKEN=a$'b " + mark + "' z", "X_TOKEN=a;X_TOKEN=" + mark + "$x z",
		"X_TOKEN= " + mark + " z", "X_TOKEN : " + mark + " z", "cat <<X\npassword: " + mark + "\nX\n",
	} {
		if kept := written(t, []string{"sh", "-c", script}, nil); leaks(kept) {
			t.Errorf("%s is kept: %s", script, kept)
		}
	}
}
