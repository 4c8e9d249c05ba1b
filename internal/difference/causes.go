package difference

import (
	"cmp"
	"strconv"
	"strings"
)

// Kind says what sort of thing differs.
type Kind string

// The kinds of differences.
const (
	Time       Kind = "time"
	Path       Kind = "path"
	ID         Kind = "id"
	Order      Kind = "order"
	Owner      Kind = "owner"
	Mode       Kind = "mode"
	Name       Kind = "name"
	Size       Kind = "size"
	Content    Kind = "content"
	Locale     Kind = "locale"
	Umask      Kind = "umask"
	Randomness Kind = "randomness"
)

// cause is one row of the table of causes. Rank says how bad it is, 0 worst: the higher ones are mended by one flag.
type cause struct {
	kind    Kind
	rank    int
	says    string
	fix     string
	try     []string
	follows bool
}

func causeOf(id string) cause {
	if c, known := causes[id]; known {
		return c
	}
	return cause{kind: Content, rank: 0, says: "the content differs"}
}

// worse puts what people should mend first before the rest.
func worse(a, b Cause) int {
	return cmp.Or(cmp.Compare(late(a), late(b)), cmp.Compare(causeOf(a.ID).rank, causeOf(b.ID).rank),
		cmp.Compare(b.Count, a.Count), strings.Compare(a.ID, b.ID))
}

func late(c Cause) int {
	if c.Follows {
		return 1
	}
	return 0
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

const (
	sortedTar = "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$SOURCE_DATE_EPOCH"
	epochVar  = "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)"
	stripIt   = "strip-nondeterminism FILE"
)

// causes is the one table of what can differ and what mends it.
var causes = map[string]cause{
	// content, of which the reason is not known
	"content": {
		kind: Content, says: "the content differs", rank: 0,
		fix: "Find what made it: build twice in one place first, then change one thing at a time.",
	},
	"size": {
		kind: Size, says: "one is longer than the other", rank: 0,
		fix: "Find what made it: build twice in one place first, then change one thing at a time.",
	},
	"missing": {
		kind: Name, says: "only one side has it", rank: 0,
		fix: "Find which step made it. Begin each build in an empty folder, and list the inputs by name.",
	},
	"setting": {
		kind: Content, says: "the build had another setting", rank: 1,
		fix: "Build both with the same flags and variables; write them into the build script.",
	},
	"toolchain": {
		kind: Content, says: "another version of the compiler or its tools", rank: 1,
		fix: "Use one version of the toolchain: name its version or its digest in the build.",
	},
	"module": {
		kind: Content, says: "another version of a dependency", rank: 1,
		fix: "Hold the dependencies with a lock file, and install from it alone.",
		try: []string{"go build -mod=readonly", "npm ci"},
	},
	"source": {
		kind: ID, says: "another commit, or files that are not committed", rank: 1,
		fix: "Build both from the same commit. To keep the commit out of the program, turn it off.",
		try: []string{"go build -buildvcs=false"},
	},
	"json-member": {
		kind: Content, says: "a member of the JSON has another value", rank: 1,
		fix: "Find what wrote this member.",
	},
	"not-read": {
		kind: Content, says: "it differs, or may differ, beyond what was read", rank: 0,
	},

	"random": {
		kind: Randomness, says: "a text that looks random", rank: 2,
		fix: "Give the tool a fixed seed or a fixed name.",
		try: []string{"-frandom-seed=NAME", "PYTHONHASHSEED=0", "PERL_HASH_SEED=0"},
	},
	"address": {
		kind: Randomness, says: "an address of memory", rank: 2,
		fix: "Take the address out of what is printed.",
	},
	"random-name": {
		kind: Randomness, says: "a name that looks random or holds a number of a process", rank: 2,
		fix: "Use a fixed name and not a temporary one.",
		try: []string{"-frandom-seed=NAME"},
	},
	"pax-name": {
		kind: Randomness, says: "the name of a pax header holds a number of the process", rank: 2,
		fix: "Give pax headers fixed names, and leave out the times that change when a file is read.",
		try: []string{"tar --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"},
	},
	"uuid": {
		kind: ID, says: "a UUID", rank: 2,
		fix: "Derive the UUID from the content or the name, or leave it out.",
	},
	"host": {
		kind: ID, says: "the name of the machine", rank: 2,
		fix: "Leave the name of the machine out, or set it to a fixed one.",
		try: []string{"KBUILD_BUILD_HOST=build"},
	},
	"user": {
		kind: Owner, says: "the name of the user", rank: 2,
		fix: "Leave the name of the user out, or set it to a fixed one.",
		try: []string{"USER=build", "KBUILD_BUILD_USER=build"},
	},
	"renamed": {
		kind: Name, says: "another name in the same place", rank: 2,
		fix: "Use a fixed name: no date, number of the build or temporary name in it.",
	},
	"sorted-other": {
		kind: Locale, says: "the same lines, sorted by the rules of another language", rank: 3,
		fix: "Sort with the rules of the C locale.",
		try: []string{"LC_ALL=C"},
	},
	"locale": {
		kind: Locale, says: "a text in the form of another language", rank: 3,
		fix: "Build in one locale.",
		try: []string{"LC_ALL=C", "TZ=UTC"},
	},
	"line-ends": {
		kind: Locale, says: "lines end in another way", rank: 3,
		fix: "Check the source out with one kind of line ends.",
		try: []string{"* text=auto eol=lf"},
	},

	// paths
	"go-path": {
		kind: Path, says: "a path of the machine that built the Go program", rank: 4,
		fix: "Build with -trimpath.",
		try: []string{"go build -trimpath"},
	},
	"c-path": {
		kind: Path, says: "a path of the machine that compiled it", rank: 4,
		fix: "Map the build folder to a fixed one.",
		try: []string{"-ffile-prefix-map=$PWD=."},
	},
	"rust-path": {
		kind: Path, says: "a path of the machine that compiled it", rank: 4,
		fix: "Map the build folder to a fixed one.",
		try: []string{"RUSTFLAGS=--remap-path-prefix=$PWD=."},
	},
	"path": {
		kind: Path, says: "a path of the machine that built it", rank: 4,
		fix: "Write paths relative to the source, or build in a fixed folder.",
		try: []string{"-ffile-prefix-map=$PWD=.", "go build -trimpath"},
	},
	"map-path": {
		kind: Path, says: "a path of the machine in a source map", rank: 4,
		fix: "Have the bundler write paths relative to the source.",
		try: []string{"esbuild --source-root=", "output.devtoolModuleFilenameTemplate: '[resource-path]'"},
	},

	// times
	"time": {
		kind: Time, says: "a time", rank: 5,
		fix: "Take the time from SOURCE_DATE_EPOCH, in UTC, or leave it out.",
		try: []string{epochVar, "TZ=UTC"},
	},
	"date-macro": {
		kind: Time, says: "the time of compiling (__DATE__ or __TIME__)", rank: 5,
		fix: "Set SOURCE_DATE_EPOCH for the compiler, or take the macros out. -Wdate-time only warns where they stand.",
		try: []string{epochVar, "-Wdate-time"},
	},
	"epoch": {
		kind: Time, says: "a time, and one side has SOURCE_DATE_EPOCH there", rank: 5,
		fix: "Set SOURCE_DATE_EPOCH in both builds.",
		try: []string{epochVar},
	},
	"zone": {
		kind: Time, says: "the same time, written for another time zone", rank: 5,
		fix: "Build in one time zone.",
		try: []string{"TZ=UTC"},
	},
	"gzip-mtime": {
		kind: Time, says: "the time in a gzip header", rank: 6,
		fix: "Compress without a time and a name.",
		try: []string{"gzip -n", "tar -I 'gzip -n'"},
	},
	"gzip-name": {
		kind: Name, says: "the name of a file in a gzip header", rank: 6,
		fix: "Compress without a time and a name.",
		try: []string{"gzip -n"},
	},
	"gzip-head": {
		kind: Content, says: "another field of a gzip header", rank: 6,
		fix: "Compress with the same program at the same level.",
		try: []string{"gzip -n -9"},
	},
	"compressed": {
		kind: Content, says: "the same content, compressed in another way", rank: 6,
		fix: "Compress with the same program, version and level.",
		try: []string{"gzip -n -9"},
	},
	"tar-mtime": {
		kind: Time, says: "the times of members", rank: 6,
		fix: "Give all members one time.",
		try: []string{sortedTar},
	},
	"zip-time": {
		kind: Time, says: "the times of members", rank: 6,
		fix: "Set the times of the files before zipping, and leave extra fields out.",
		try: []string{"find . -exec touch -h -d @$SOURCE_DATE_EPOCH {} +", "TZ=UTC zip -X", stripIt},
	},
	"zip-extra": {
		kind: Owner, says: "extra fields of members (owners, times of reading)", rank: 6,
		fix: "Leave the extra fields out.",
		try: []string{"zip -X", stripIt},
	},
	"ar-mtime": {
		kind: Time, says: "the times of members of an ar archive", rank: 6,
		fix: "Write the archive without times and owners.",
		try: []string{"ar rcsD", "ranlib -D"},
	},
	"ar-owner": {
		kind: Owner, says: "the owners of members of an ar archive", rank: 6,
		fix: "Write the archive without times and owners.",
		try: []string{"ar rcsD", "ranlib -D"},
	},
	"pe-time": {
		kind: Time, says: "the time in the header of a Windows program", rank: 6,
		fix: "Link without a time.",
		try: []string{"-Wl,--no-insert-timestamp", "/Brepro"},
	},
	"created": {
		kind: Time, says: "the time at which an image or a layer was made", rank: 6,
		fix: "Set SOURCE_DATE_EPOCH for the builder of the image.",
		try: []string{epochVar, "docker buildx build --output type=oci,rewrite-timestamp=true"},
	},

	// order, owners, modes
	"order": {
		kind: Order, says: "the same members in another order", rank: 7,
		fix: "Sort the members by name.",
		try: []string{sortedTar, "LC_ALL=C sort", "zip -X FILE -@ < SORTED_LIST"},
	},
	"lines": {
		kind: Order, says: "the same lines in another order", rank: 7,
		fix: "Sort before writing.",
		try: []string{"LC_ALL=C sort"},
	},
	"json-order": {
		kind: Order, says: "the same members of the JSON in another order", rank: 7,
		fix: "Write JSON with sorted keys.",
		try: []string{"jq -S .", "json.dumps(x, sort_keys=True)"},
	},
	"owner": {
		kind: Owner, says: "the owners of members", rank: 8,
		fix: "Give all members one owner.",
		try: []string{sortedTar},
	},
	"umask": {
		kind: Umask, says: "rights for group and others, as another umask gives them", rank: 8,
		fix: "Set one umask before anything is written or checked out.",
		try: []string{"umask 022", "tar --mode=u=rwX,go=rX"},
	},
	"mode": {
		kind: Mode, says: "the rights of members", rank: 8,
		fix: "Set the rights of the files, or of the members.",
		try: []string{"tar --mode=u=rwX,go=rX", "umask 022"},
	},

	// forms of archives
	"format": {
		kind: Content, says: "the same, written by another program or in another form", rank: 9,
		fix: "Use the same program and version, and name the form.",
		try: []string{"tar --format=ustar"},
	},
	"padding": {
		kind: Size, says: "what fills the end of an archive", rank: 9,
		fix: "Use the same program and version.",
		try: []string{"tar --blocking-factor=20"},
	},
	"zip-head": {
		kind: Content, says: "fields of the program or system that made the zip archive", rank: 9,
		fix: "Use the same program on the same system.",
		try: []string{"zip -X", stripIt},
	},
	"comment": {
		kind: Content, says: "a comment", rank: 9,
		fix: "Leave the comment out.",
		try: []string{"zip -z < /dev/null"},
	},
	"method": {
		kind: Content, says: "another method of compression", rank: 9,
		fix: "Use the same program at the same level.",
		try: []string{"zip -9"},
	},
	"link": {
		kind: Path, says: "the target of a link", rank: 4,
		fix: "Make links relative.",
		try: []string{"ln -sr"},
	},
	"type": {
		kind: Content, says: "another type of member: file, folder or link", rank: 1,
		fix: "Find what made it; hard links come from files that are one on the disk.",
		try: []string{"tar --hard-dereference"},
	},
	"attributes": {
		kind: Content, says: "attributes of members (access lists, labels)", rank: 9,
		fix: "Leave the attributes out.",
		try: []string{"tar --no-xattrs --no-acls --no-selinux"},
	},

	// what follows
	"build-id": {
		kind: ID, says: "the build id of the linker", rank: 10, follows: true,
		fix: "It is a digest of the rest: mend the rest first. If it stays, leave it out.",
		try: []string{"-Wl,--build-id=none", "-Wl,--build-id=sha1"},
	},
	"go-build-id": {
		kind: ID, says: "the build id of Go", rank: 10, follows: true,
		fix: "It is a digest of the inputs: mend the rest first. If it stays, leave it out.",
		try: []string{"go build -ldflags=-buildid="},
	},
	"debug-link": {
		kind: ID, says: "the name or checksum of the file with the debug information", rank: 10, follows: true,
		fix: "It is a checksum of another file: make that one the same first.",
	},
	"hash": {
		kind: ID, says: "a digest of something else", rank: 10, follows: true,
		fix: "Find what it is a digest of, and make that the same first.",
	},
	"layout": {
		kind: Size, says: "offsets and sizes that follow from the content", rank: 11, follows: true,
		fix: "Mend the rest first.",
	},
	"binary": {
		kind: Content, says: "code or data of a program", rank: 10, follows: true,
		fix: "Mend paths, times and settings first; code that stays different comes from other sources or another compiler.",
	},
}
