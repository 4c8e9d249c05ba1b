package change_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// cases are histories, each with the makers that both platforms have to name:
// all of them, or, behind "!", beginnings of lines of which there is none.
var cases = map[string]struct {
	history
	want string
	not  string
}{
	"a request that was merged": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "carol", "base a", "page", ""}},
		pushes:   []push{{"bob", "f", "", "a"}, {"carol", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "a", merge: "m", commits: "a"}},
	}, "author bob: commit a|author carol: commit m|committer bob: commit a|merger carol: request 5|pusher bob: commit a|pusher bob: request 5|requester bob: request 5", ""},

	"I01 what a squash loses": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"b", "dana", "a", "", "Co-authored-by: E <@eve@>"}, {"s", "alice", "base", "page", ""}},
		pushes:   []push{{"bob", "f", "", "b"}, {"carol", "main", "base", "s"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "b", squash: "s", commits: "a b"}},
	}, "author alice: commit s|author bob: commit a of request 5|author dana: commit b of request 5|committer bob: commit a of request 5|committer dana: commit b of request 5|" +
		"co-author eve: commit b of request 5|merger carol: request 5|pusher bob: commit a of request 5|pusher bob: commit b of request 5|pusher bob: request 5|requester bob: request 5", ""},

	"I01 a request squashed into one that is squashed": {history{
		commits: []commit{
			{"a1", "alice", "base", "", ""}, {"b", "bob", "a1", "", ""}, {"a2", "alice", "a1", "page", ""}, {"s", "alice", "base", "page", ""},
		},
		pushes: []push{{"alice", "outer", "", "a1"}, {"bob", "inner", "", "b"}, {"carol", "outer", "a1", "a2"}, {"dana", "main", "base", "s"}},
		requests: []request{
			{number: 4, author: "bob", merger: "carol", branch: "inner", into: "outer", head: "b", squash: "a2", commits: "b"},
			{number: 5, author: "alice", merger: "dana", branch: "outer", head: "a2", squash: "s", commits: "a1 a2"},
		},
	}, "requester bob: request 4|pusher bob: request 4|author bob: commit b of request 4|merger carol: request 4|merger dana: request 5|requester alice: request 5", "pusher ?"},

	"I01 three requests deep": {history{
		commits: []commit{
			{"c", "eve", "base", "", ""}, {"b1", "bob", "base", "", ""}, {"b2", "bob", "b1", "page", ""}, {"a1", "alice", "base", "", ""}, {"a2", "alice", "a1", "page", ""}, {"s", "alice", "base", "page", ""},
		},
		pushes: []push{{"eve", "x", "", "c"}, {"bob", "inner", "", "b1"}, {"erin", "inner", "b1", "b2"}, {"alice", "outer", "", "a1"}, {"carol", "outer", "a1", "a2"}, {"dana", "main", "base", "s"}},
		requests: []request{
			{number: 3, author: "eve", merger: "erin", branch: "x", into: "inner", head: "c", squash: "b2", commits: "c"},
			{number: 4, author: "bob", merger: "carol", branch: "inner", into: "outer", head: "b2", squash: "a2", commits: "b1 b2"},
			{number: 5, author: "alice", merger: "dana", branch: "outer", head: "a2", squash: "s", commits: "a1 a2"},
		},
	}, "requester eve: request 3|pusher eve: request 3|author eve: commit c of request 3|merger erin: request 3|requester bob: request 4|pusher bob: request 4|merger carol: request 4", "pusher ?"},

	"I01 a request merged into one that is squashed": {history{
		commits: []commit{{"a1", "alice", "base", "", ""}, {"b", "bob", "a1", "", ""}, {"m", "carol", "a1 b", "page", ""}, {"s", "alice", "base", "page", ""}},
		pushes:  []push{{"alice", "outer", "", "a1"}, {"bob", "inner", "", "b"}, {"carol", "outer", "a1", "m"}, {"dana", "main", "base", "s"}},
		requests: []request{
			{number: 4, author: "bob", merger: "carol", branch: "inner", into: "outer", head: "b", merge: "m", commits: "b"},
			{number: 5, author: "alice", merger: "dana", branch: "outer", head: "m", squash: "s", commits: "a1 b m"},
		},
	}, "requester bob: request 4|pusher bob: request 4|merger carol: request 4|author bob: commit b of request 5", "pusher ?"},

	"I01 who pushed before a forced push": {history{
		commits:  []commit{{"x", "eve", "base", "", ""}, {"a", "bob", "base", "", ""}, {"m", "carol", "base a", "page", ""}},
		pushes:   []push{{"eve", "f", "", "x"}, {"bob", "f", "forced:x", "a"}, {"carol", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "a", merge: "m", commits: "a"}},
	}, "pusher eve: request 5|pusher bob: request 5|pusher bob: commit a", "author eve|pusher ?"},

	"I01 a request merged into a branch that was rewritten": {history{
		commits: []commit{{"x", "eve", "base", "", ""}, {"m", "carol", "base x", "page", ""}, {"n", "bob", "base", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes:  []push{{"eve", "g", "", "x"}, {"bob", "f", "", "base"}, {"carol", "f", "base", "m"}, {"bob", "f", "forced:m", "n"}, {"dana", "main", "base", "s"}},
		requests: []request{
			{number: 10, author: "eve", merger: "carol", branch: "g", into: "f", head: "x", merge: "m", commits: "x"},
			{number: 12, author: "bob", merger: "dana", branch: "f", head: "n", squash: "s", commits: "n"},
		},
	}, "requester eve: request 10|merger carol: request 10|pusher ?: what may be left of request 10 in f|requester bob: request 12|merger dana: request 12", "pusher eve|author eve|pusher ?: request"},

	"I01 requests from branches of others that were merged and forced out": {history{
		commits: []commit{
			{"a", "bob", "base", "", ""}, {"x", "carol", "base", "", ""}, {"x2", "eve", "a", "page", ""},
			{"y", "erin", "base", "", "Co-authored-by: D <@dana@>"}, {"y2", "eve", "x2", "page", ""}, {"s", "bob", "base", "page", ""},
		},
		pushes: []push{
			{"carol", "wip", "", "x"}, {"erin", "wop", "", "y"}, {"bob", "f", "", "a"}, {"eve", "f", "a", "x2"}, {"eve", "f", "x2", "y2"},
			{"eve", "f", "forced:y2", "a"}, {"alice", "main", "base", "s"},
		},
		requests: []request{
			{number: 10, author: "eve", merger: "eve", branch: "wip", into: "f", head: "x", squash: "x2", commits: "x"},
			{number: 11, author: "eve", merger: "eve", branch: "wop", into: "f", head: "y", squash: "y2", commits: "y"},
			{number: 12, author: "bob", merger: "alice", branch: "f", head: "a", squash: "s", commits: "a"},
		},
	}, "requester eve: request 10|requester eve: request 11|merger eve: request 10|pusher ?: what may be left of request 10 and request 11 in f|pusher eve: request 12",
		"pusher carol|pusher erin|author carol|author erin|co-author|pusher ?: request"},

	"I01 a request that was merged and forced out in part": {history{
		commits: []commit{
			{"a", "bob", "base", "", ""}, {"x", "carol", "a", "", ""}, {"y", "erin", "x", "", ""}, {"s", "bob", "base", "page", ""},
			{"m", "eve", "a y", "page", ""},
		},
		pushes: []push{
			{"carol", "wip", "", "x"}, {"erin", "wip", "x", "y"}, {"bob", "f", "", "a"}, {"eve", "f", "a", "m"},
			{"bob", "f", "forced:m", "x"}, {"alice", "main", "base", "s"},
		},
		requests: []request{
			{number: 10, author: "eve", merger: "eve", branch: "wip", into: "f", head: "y", merge: "m", commits: "x y"},
			{number: 12, author: "bob", merger: "alice", branch: "f", head: "x", squash: "s", commits: "a x"},
		},
		head: "s",
	}, "requester eve: request 10|pusher erin: request 10|author erin: commit y of request 10|pusher carol: request 10", "pusher ?"},

	"I01 a branch that was taken away and made again": {history{
		commits:  []commit{{"x", "bob", "base", "", ""}, {"y", "bob", "x", "", ""}, {"a", "bob", "base", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes:   []push{{"bob", "f", "", "x"}, {"eve", "f", "x", "y"}, {"eve", "f", "y", ""}, {"bob", "f", "", "a"}, {"dana", "main", "base", "s"}},
		requests: []request{{number: 12, author: "bob", merger: "dana", branch: "f", head: "a", squash: "s", commits: "a"}},
	}, "pusher eve: request 12|pusher eve: to the branch of request 12|pusher bob: request 12", "pusher ?"},

	"I01 a branch that was deployed and made again": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes:   []push{{"eve", "f", "", "base"}, {"eve", "f", "base", ""}, {"bob", "f", "", "a"}, {"dana", "main", "base", "s"}},
		requests: []request{{number: 12, author: "bob", merger: "dana", branch: "f", head: "a", squash: "s", commits: "a"}},
	}, "pusher bob: request 12", "pusher eve|pusher ?"},

	"I01 a request merged into a branch that was made again": {history{
		commits: []commit{{"x", "eve", "base", "", ""}, {"m", "carol", "base", "page", ""}, {"n", "bob", "base", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes: []push{
			{"eve", "g", "", "x"}, {"bob", "f", "", "base"}, {"carol", "f", "base", "m"}, {"bob", "f", "m", ""}, {"bob", "f", "", "n"}, {"dana", "main", "base", "s"},
		},
		requests: []request{
			{number: 10, author: "eve", merger: "carol", branch: "g", into: "f", head: "x", squash: "m", commits: "x"},
			{number: 12, author: "bob", merger: "dana", branch: "f", head: "n", squash: "s", commits: "n"},
		},
	}, "requester eve: request 10|merger carol: request 10|pusher ?: what may be left of request 10 in f", "pusher eve|pusher ?: request"},

	"I01 a push that begins where no push ended": {history{
		commits:  []commit{{"x", "bob", "base", "", ""}, {"a", "bob", "base", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes:   []push{{"bob", "f", "", "base"}, {"bob", "f", "forced:x", "a"}, {"dana", "main", "base", "s"}},
		requests: []request{{number: 12, author: "bob", merger: "dana", branch: "f", head: "a", squash: "s", commits: "a"}},
	}, "pusher ?: request 12|pusher bob: request 12", "pusher ?: commit"},

	"I01 a push that begins in what is deployed": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes:   []push{{"bob", "f", "base", "a"}, {"dana", "main", "base", "s"}},
		requests: []request{{number: 12, author: "bob", merger: "dana", branch: "f", head: "a", squash: "s", commits: "a"}},
	}, "pusher bob: request 12", "pusher ?"},

	"I03 who pushed to a request and is nobody any more": {history{
		commits: []commit{{"a", "bob", "base", "", ""}, {"b", "bob", "a", "", ""}, {"c", "bob", "b", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes: []push{
			{"ghost", "f", "", "a"}, {"ghost", "f", "a", "b"}, {"ghost", "f", "b", "c"}, {"dana", "main", "base", "s"},
		},
		requests: []request{{number: 12, author: "bob", merger: "dana", branch: "f", head: "c", squash: "s", commits: "a b c"}},
	}, "pusher ?: request 12", "pusher ?: commit"},

	"I01 a branch that was there before what is deployed": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "carol", "base a", "page", ""}},
		pushes:   []push{{"eve", "develop", "", "base"}, {"bob", "develop", "base", "a"}, {"carol", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "develop", head: "a", merge: "m", commits: "a"}},
	}, "pusher bob: request 5|pusher bob: commit a", "pusher eve|pusher ?"},

	"I01 the branch of an earlier request": {history{
		commits: []commit{{"a", "eve", "base", "", ""}, {"m1", "carol", "base a", "page", ""}, {"b", "bob", "m1", "", ""}, {"m2", "carol", "m1 b", "page", ""}},
		pushes:  []push{{"eve", "f", "", "a"}, {"carol", "main", "base", "m1"}, {"bob", "f", "", "b"}, {"carol", "main", "m1", "m2"}},
		requests: []request{
			{number: 5, author: "eve", merger: "carol", branch: "f", head: "a", merge: "m1", commits: "a"},
			{number: 6, author: "bob", merger: "carol", branch: "f", head: "b", merge: "m2", commits: "b"},
		},
	}, "pusher eve: request 5|pusher bob: request 6", "pusher eve: request 6|pusher bob: request 5"},

	"I01 a branch that goes on after its request": {history{
		commits: []commit{{"a", "eve", "base", "", ""}, {"m1", "carol", "base a", "page", ""}, {"b", "bob", "a", "", ""}, {"m2", "carol", "m1 b", "page", ""}},
		pushes:  []push{{"eve", "f", "", "a"}, {"carol", "main", "base", "m1"}, {"bob", "f", "a", "b"}, {"carol", "main", "m1", "m2"}},
		requests: []request{
			{number: 5, author: "eve", merger: "carol", branch: "f", head: "a", merge: "m1", commits: "a"},
			{number: 6, author: "bob", merger: "carol", branch: "f", head: "b", merge: "m2", commits: "b"},
		},
	}, "pusher eve: request 5|pusher bob: request 6", "pusher eve: request 6|pusher bob: request 5"},

	"I03 nobody is known to have pushed": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"b", "bob", "a", "", ""}, {"m", "carol", "base b", "page", ""}, {"d", "bob", "m", "", ""}, {"e", "bob", "d", "", ""}, {"g", "bob", "e", "", ""}},
		pushes:   []push{{"carol", "main", "base", "m"}, {"carol", "main", "e", "g"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "b", merge: "m", commits: "a b"}},
	}, "pusher ?: commit e|pusher ?: request 5|pusher carol: commit g", "pusher ?: commit d|pusher ?: commit a|pusher ?: commit b"},

	"I03 a fork that cannot be seen": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "carol", "base a", "page", ""}},
		pushes:   []push{{"carol", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "a", merge: "m", commits: "a", owner: "bob"}},
	}, "pusher ?: request 5", "pusher ?: commit"},

	"I03 a fork that can be seen": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "carol", "base a", "page", ""}},
		pushes:   []push{{"carol", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "a", merge: "m", commits: "a", owner: "eve"}},
		fork:     &fork{"eve", []push{{"dana", "f", "", "x"}, {"bob", "f", "forced:x", "a"}, {"erin", "other", "", "a"}}},
	}, "pusher bob: request 5|pusher dana: request 5|pusher eve: request 5", "pusher ?|pusher erin"},

	"I03 a fork whose log lacks the head": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "carol", "base a", "page", ""}},
		pushes:   []push{{"carol", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "a", merge: "m", commits: "a", owner: "eve"}},
		fork:     &fork{"eve", []push{{"dana", "f", "", "x"}}},
	}, "pusher ?: request 5|pusher eve: request 5", ""},

	"I03 a fork whose owner counts": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "carol", "base a", "page", ""}},
		pushes:   []push{{"carol", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "a", merge: "m", commits: "a", owner: "eve"}},
		fork:     &fork{"eve", []push{}}, forks: policy.ForkOwner,
	}, "pusher eve: request 5", "pusher ?"},

	"I03 a committer that is written as the page": {history{
		commits: []commit{{"a", "bob", "base", "page", ""}},
		pushes:  []push{{"eve", "main", "base", "a"}},
	}, "author bob: commit a|pusher eve: commit a", "committer|pusher ?"},

	"I03 co-authors in every form": {history{
		commits: []commit{{"a", "bob", "base", "", "- Co-authored-by: C <@carol@>\n\u00a0Co-Authored-By：D ＜@dana@＞\n* co-authored by: E <@erin@>\nAssisted-by: Tool <tool@x.example>\nGenerated-by: A program\n\nCo-authored-by: Nobody"}},
		pushes:  []push{{"bob", "main", "base", "a"}},
	}, "co-author carol: commit a|co-author dana: commit a|co-author erin: commit a|co-author ?tool@x.example: commit a|co-author ?Nobody: commit a", "co-author ?: |co-author ?A program"},

	"I03 an address with the number of nobody": {history{
		commits: []commit{{"a", "bob", "base", "", "Co-authored-by: X <4040404+x@users.noreply.github.com>\nCo-authored-by: X <4040404-x@users.noreply.gitlab.com>"}},
		pushes:  []push{{"bob", "main", "base", "a"}},
	}, "co-author ?4040404+x@users.noreply.github.com: commit a|co-author ?4040404-x@users.noreply.gitlab.com: commit a", ""},

	"I01 a rebase": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"b", "dana", "a", "", ""}, {"r1", "bob", "base", "page", ""}, {"r2", "dana", "r1", "page", ""}},
		pushes:   []push{{"bob", "f", "", "b"}, {"carol", "main", "base", "r2"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "b", merge: "r2", commits: "a b", introduced: "r1 r2"}},
	}, "requester bob: request 5|merger carol: request 5|author bob: commit r1|author dana: commit r2|pusher bob: request 5", "pusher ?"},

	"I01 two requests with what was merged into them by hand": {history{
		commits: []commit{
			{"x", "bob", "base", "", ""}, {"a1", "alice", "base", "", ""}, {"a2", "alice", "a1 x", "", ""}, {"s1", "alice", "base", "page", ""},
			{"b1", "bob", "s1", "", ""}, {"b2", "dana", "b1", "", ""}, {"b3", "bob", "b2", "", "Co-authored-by: E <@erin@>"}, {"s2", "bob", "s1", "page", ""},
		},
		pushes: []push{
			{"alice", "f", "", "a1"}, {"eve", "side", "", "x"}, {"alice", "f", "a1", "a2"}, {"carol", "main", "base", "s1"},
			{"bob", "g", "", "b1"}, {"dana", "g", "b1", "b2"}, {"bob", "g", "b2", "b3"}, {"carol", "main", "s1", "s2"},
		},
		requests: []request{
			{number: 5, author: "alice", merger: "carol", branch: "f", head: "a2", squash: "s1", commits: "x a1 a2"},
			{number: 6, author: "bob", merger: "carol", branch: "g", head: "b3", squash: "s2", commits: "b1 b2 b3"},
		},
	}, "pusher eve: commit x of request 5|pusher alice: commit a1 of request 5|pusher dana: commit b2 of request 6|pusher dana: request 6|co-author erin: commit b3 of request 6", "pusher ?|pusher alice: commit x|pusher bob: commit b2"},

	"I01 a merge made by hand": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "bob", "base a", "", ""}},
		pushes:   []push{{"bob", "f", "", "a"}, {"dana", "main", "hand:base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "dana", branch: "f", head: "a", merge: "m", commits: "a"}},
		mergers:  true,
	}, "merger dana: request 5|pusher dana: commit m|pusher bob: commit a", "pusher ?"},

	"I01 a squash made by hand": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"s", "bob", "base", "page", ""}},
		pushes:   []push{{"bob", "f", "", "a"}, {"dana", "main", "hand:base", "s"}},
		requests: []request{{number: 5, author: "bob", merger: "dana", branch: "f", head: "a", squash: "s", commits: "a"}},
		mergers:  true,
	}, "merger dana: request 5|pusher dana: commit s|pusher bob: commit a of request 5", "pusher ?"},

	"I01 a merge made by the platform": {history{
		commits:  []commit{{"a", "bob", "base", "", ""}, {"m", "bob", "base a", "page", ""}},
		pushes:   []push{{"bob", "f", "", "a"}, {"dana", "main", "base", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "dana", branch: "f", head: "a", merge: "m", commits: "a"}},
		mergers:  true, closed: true,
	}, "merger dana: request 5|pusher bob: commit a", "pusher dana|pusher ?"},

	"I01 a merge made by hand in a request": {history{
		commits: []commit{{"a", "bob", "base", "", ""}, {"e", "erin", "base", "", ""}, {"h", "bob", "e a", "", ""}, {"s", "erin", "base", "page", ""}},
		pushes:  []push{{"bob", "g", "", "a"}, {"erin", "f", "", "e"}, {"dana", "f", "hand:e", "h"}, {"carol", "main", "base", "s"}},
		requests: []request{
			{number: 10, author: "bob", merger: "dana", branch: "g", into: "f", head: "a", merge: "h", commits: "a"},
			{number: 12, author: "erin", merger: "carol", branch: "f", head: "h", squash: "s", commits: "a e h"},
		},
		mergers: true, closed: true,
	}, "merger dana: request 10|pusher dana: commit h of request 12|pusher dana: request 12|merger carol: request 12", "pusher carol|pusher ?"},

	"I01 a merge that was proposed to the branch it went to": {history{
		commits: []commit{{"a", "bob", "base", "", ""}, {"h", "bob", "base a", "", ""}, {"m", "carol", "base h", "page", ""}},
		pushes:  []push{{"bob", "f", "", "a"}, {"dana", "g", "hand:base", "h"}, {"carol", "main", "base", "m"}},
		requests: []request{
			{number: 5, author: "bob", merger: "carol", branch: "f", head: "a", merge: "h", commits: "a"},
			{number: 6, author: "bob", merger: "carol", branch: "g", head: "h", merge: "m", commits: "a h"},
		},
		mergers: true, closed: true,
	}, "pusher dana: commit h|pusher dana: request 6", "pusher carol|pusher ?"},

	"I01 a merge of main into a request": {history{
		commits:  []commit{{"x", "erin", "base", "", ""}, {"a", "bob", "base", "", ""}, {"u", "bob", "a x", "page", ""}, {"m", "carol", "x u", "page", ""}},
		pushes:   []push{{"erin", "main", "base", "x"}, {"bob", "f", "", "a"}, {"bob", "f", "a", "u"}, {"carol", "main", "x", "m"}},
		requests: []request{{number: 5, author: "bob", merger: "carol", branch: "f", head: "u", merge: "m", commits: "a u"}},
	}, "pusher erin: commit x|pusher bob: commit a|pusher bob: commit u|merger carol: request 5", "pusher ?|pusher bob: commit x"},
}

// The same history gives the same makers whether a platform is asked for requests
// together, by GraphQL, or for each alone.
func TestMakers_of_one_history_together_and_one_by_one(t *testing.T) {
	l := labtest.Shared(t)
	number := 33000
	for name, c := range cases {
		number += 10
		t.Run(name, func(t *testing.T) {
			h := c.longer()
			from := len(l.Requests(t))
			together := [][]string{made(onGitHub(t, "longer-"+strings.Map(dashed, name), number, h), h), made(onGitLab(t, number, h), h)}
			asked := 0
			for _, r := range l.Requests(t)[from:] {
				if strings.HasSuffix(r.Path, "/graphql") {
					asked++
				}
			}
			if asked < 2 {
				t.Errorf("%d questions by GraphQL, want one of each platform at least", asked)
			}
			l.Fault(t, object{"match": "graphql$", "status": 404, "times": -1})
			alone := [][]string{made(onGitHub(t, "longer-"+strings.Map(dashed, name), number, h), h), made(onGitLab(t, number, h), h)}
			for i, platform := range []string{"GitHub", "GitLab"} {
				if !slices.Equal(together[i], alone[i]) {
					t.Errorf("%s, together:\n  %s\none by one:\n  %s", platform, strings.Join(together[i], "\n  "), strings.Join(alone[i], "\n  "))
				}
			}
		})
	}
	l.Contract(t)
}

// longer is h with two more requests that were squashed, so that there are several
// to ask for.
func (h history) longer() history {
	h.commits, h.pushes, h.requests = slices.Clone(h.commits), slices.Clone(h.pushes), slices.Clone(h.requests)
	tip := h.tip()
	for i := range 2 {
		lost, squash, branch := fmt.Sprint("lost", i), fmt.Sprint("squash", i), fmt.Sprint("more", i)
		h.commits = append(h.commits, commit{lost, "dana", tip, "", ""}, commit{squash, "dana", tip, "page", ""})
		h.pushes = append(h.pushes, push{"dana", branch, "", lost}, push{"carol", "main", tip, squash})
		h.requests = append(h.requests, request{number: 91 + i, author: "dana", merger: "carol", branch: branch, head: lost, squash: squash, commits: lost})
		tip = squash
	}
	h.head = tip
	return h
}

// The same history gives the same makers on both platforms.
func TestMakers_of_one_history_on_both_platforms(t *testing.T) {
	number := 31000
	for name, c := range cases {
		number += 10
		t.Run(name, func(t *testing.T) {
			hub := made(onGitHub(t, strings.Map(dashed, name), number, c.history), c.history)
			lab := made(onGitLab(t, number, c.history), c.history)
			for platform, got := range map[string][]string{"GitHub": hub, "GitLab": lab} {
				for _, want := range strings.Split(c.want, "|") {
					if !slices.Contains(got, want) {
						t.Errorf("%s: no maker %q among\n  %s", platform, want, strings.Join(got, "\n  "))
					}
				}
				for _, not := range strings.Split(c.not, "|") {
					if i := slices.IndexFunc(got, func(s string) bool { return not != "" && strings.HasPrefix(s, not) }); i >= 0 {
						t.Errorf("%s: maker %q, want none that begins with %q", platform, got[i], not)
					}
				}
			}
			if !slices.Equal(hub, lab) && !apart[name] {
				t.Errorf("GitHub:\n  %s\nGitLab:\n  %s", strings.Join(hub, "\n  "), strings.Join(lab, "\n  "))
			}
		})
	}
}

// apart are histories of which the platforms do not remember the same: GitLab
// replaces the commits of a request that its page rebases, does not show a fork's
// owner where it does not show the fork, and no event of it says that it merged.
var apart = map[string]bool{"I01 a rebase": true, "I01 a request merged into a branch that was rewritten": true,
	"I01 a request merged into a branch that was made again": true, "I01 a request that was merged and forced out in part": true,
	"I01 requests from branches of others that were merged and forced out": true, "I03 a fork that cannot be seen": true}

func dashed(r rune) rune {
	if r == ' ' {
		return '-'
	}
	return r
}

// What a commit claims of somebody can be taken away, so it says which commit it
// is, in full; what the platform knows by account names none.
func TestI15_a_claimed_role_names_its_commit_in_full(t *testing.T) {
	h := cases["I01 what a squash loses"].history
	for platform, c := range map[string]policy.Change{"GitHub": onGitHub(t, "claims", 39000, h), "GitLab": onGitLab(t, 39000, h)} {
		for _, m := range c.Makers {
			claimed := slices.Contains(policy.ClaimedRoles, m.Role)
			if claimed != (len(m.Commit) == 40) || claimed && !strings.HasPrefix(m.Where, "commit "+m.Commit[:7]) {
				t.Errorf("%s: %s %s has commit %q", platform, m.Role, m.Where, m.Commit)
			}
		}
	}
}
