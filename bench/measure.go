package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// verify returns the command that verifies files offline. bundles is a file or
// a directory.
func (b *bench) verify(bundles string, args ...string) command {
	c := []string{b.bin("sallyport"), "verify", "--offline", "--trusted-root", "root.json", "--bundle", bundles,
		"--certificate-identity", b.Identity, "--certificate-oidc-issuer", b.Issuer}
	return command{dir: b.dir, args: append(c, args...)}
}

// sigstoreGo returns the same with the client that sigstore-go runs the public
// conformance suite with.
func (b *bench) sigstoreGo(bundle, file string) command {
	return command{dir: b.dir, args: []string{b.bin("conformance"), "verify-bundle", "--bundle", bundle, "--trusted-root", "root.json",
		"--certificate-identity", b.Identity, "--certificate-oidc-issuer", b.Issuer, file}}
}

// plain returns the same with the smallest program that sigstore-go allows:
// what no client can be faster than.
func (b *bench) plain(bundle, file string) command {
	return command{dir: b.dir, args: []string{b.bin("plain"), "root.json", bundle, b.Identity, b.Issuer, file}}
}

// start measures what a process costs before it does anything.
func (b *bench) start() error {
	u, err := compare(b.rounds,
		command{dir: b.dir, args: []string{b.bin("sallyport"), "version"}},
		command{dir: b.dir, args: []string{b.bin("plain")}})
	if err != nil {
		return err
	}
	b.table.ratio("start: sallyport version, wall", u[0].wall, u[1].wall, 1.25, "empty program with sigstore-go")
	b.table.fact("start: CPU", span(u[0].cpu), "empty program "+span(u[1].cpu))
	return nil
}

// cold measures one artifact with one bundle.
func (b *bench) cold() error {
	bundle := b.bundle("one")
	u, err := compare(b.rounds, b.verify(bundle, "one/app"), b.sigstoreGo(bundle, "one/app"), b.plain(bundle, "one/app"))
	if err != nil {
		return err
	}
	b.table.ratio("verify 1 file, 1 bundle, cold, wall", u[0].wall, u[1].wall, 1, "sigstore-go's own client")
	b.table.ratio("verify 1 file, 1 bundle, cold, CPU", u[0].cpu, u[1].cpu, 1, "sigstore-go's own client")
	b.table.fact("the same beside the floor, wall", span(u[0].wall), fmt.Sprintf("smallest program %s, ratio %.2f", span(u[2].wall), float64(u[0].wall)/float64(u[2].wall)))
	b.table.fact("verify 1 file, 1 bundle, peak memory", mb(u[0].rss), "sigstore-go's own client "+mb(u[1].rss)+", smallest program "+mb(u[2].rss))
	return nil
}

// withCosign compares with cosign, if somebody has built it.
func (b *bench) withCosign() error {
	what := "verify 1 file, 1 bundle, CPU"
	if _, err := os.Stat(b.cosign); err != nil {
		b.table = append(b.table, row{what, "-", "cosign is not built: make interop", "<= 0.333", "-"})
		return nil
	}
	bundle := b.bundle("one")
	cosign := command{dir: b.dir, args: []string{b.cosign, "verify-blob-attestation", "--bundle", bundle, "--trusted-root", "root.json",
		"--type", "slsaprovenance1", "--use-signed-timestamps", "--certificate-identity", b.Identity, "--certificate-oidc-issuer", b.Issuer, "one/app"}}
	u, err := compare(b.few(), b.verify(bundle, "one/app"), cosign)
	if err != nil {
		return err
	}
	b.table.ratio(what, u[0].cpu, u[1].cpu, 1.0/3, "cosign")
	return nil
}

// thousand measures a thousand artifacts with a bundle each, in one call.
func (b *bench) thousand() error {
	u, err := compare(b.few(),
		b.verify("pairs.bundles", "--workers", "1", "pairs"),
		b.verify("pairs.bundles", "--workers", "2", "pairs"))
	if err != nil {
		return err
	}
	b.table.atMost("verify 1,000 files, 1,000 bundles, 1 worker, wall", u[0].wall.Seconds(), 1.6, " s", most(u[0]))
	b.table.atMost("verify 1,000 files, 1,000 bundles, 2 workers, wall", u[1].wall.Seconds(), 0.85, " s", most(u[1]))
	return nil
}

// subjects measures the bundle whose statement names a thousand files.
func (b *bench) subjects() error {
	bundle := b.bundle("many")
	u, err := compare(b.rounds, b.verify(bundle, "many/0000"), b.plain(bundle, "many/0000"), b.verify(bundle, "many"))
	if err != nil {
		return err
	}
	b.table.ratio("verify 1 of 1,000 subjects, cold, wall", u[0].wall, u[1].wall, 1, "plain sigstore-go client")
	b.table.fact("verify 1,000 of 1,000 subjects, cold, wall", span(u[2].wall), "1 bundle, CPU "+span(u[2].cpu))
	return nil
}

// beside measures the same commands of an older sallyport.
func (b *bench) beside() error {
	if b.before == "" {
		return nil
	}
	for _, x := range []struct {
		what   string
		rounds int
		command
	}{
		{"start", b.rounds, command{dir: b.dir, args: []string{b.bin("sallyport"), "version"}}},
		{"verify 1 file, 1 bundle", b.rounds, b.verify(b.bundle("one"), "one/app")},
		{"verify 1,000 files, 1,000 bundles", b.few(), b.verify("pairs.bundles", "pairs")},
		{"verify 1,000 of 1,000 subjects", b.rounds, b.verify(b.bundle("many"), "many")},
	} {
		old := command{dir: b.dir, args: append([]string{b.before}, x.args[1:]...)}
		u, err := compare(x.rounds, x.command, old)
		if err != nil {
			return err
		}
		b.table.ratio(x.what+", CPU", u[0].cpu, u[1].cpu, 1.05, "the older one")
		b.table.fact(x.what+", peak memory", mb(u[0].rss), "the older one "+mb(u[1].rss))
	}
	return nil
}

// warm measures one verification without the process around it.
func (b *bench) warm() error {
	for _, c := range []struct {
		what, bundles string
		aim           float64
	}{{"allocations per bundle, warm", "pairs.bundles", 4000}, {"allocations per 1,000-subject bundle, warm", "many.bundles", 31000}} {
		out, err := exec.Command(b.bin("library"), "count", b.path("root.json"), b.path(c.bundles)).Output() //nolint:gosec // our own binary
		if err != nil {
			return err
		}
		var got struct{ Allocations, Bytes, Ns int64 }
		if err := json.Unmarshal(out, &got); err != nil {
			return err
		}
		b.table.atMost(c.what, float64(got.Allocations), c.aim, "", fmt.Sprintf("%d kB, %s on one processor", got.Bytes/1000, span(time.Duration(got.Ns))))
	}
	return nil
}

// history measures the judgement of a history that is in memory already, with
// the garbage collector as the product sets it. The start of the process and the
// making of the history are counted too.
func (b *bench) history() error {
	const rounds = 60
	c := exec.Command(b.bin("change.test"), "-test.run=^$", "-test.bench=^BenchmarkChange$", fmt.Sprintf("-test.benchtime=%dx", rounds)) //nolint:gosec // our own binary
	c.Env = append(os.Environ(), "GOGC=400")
	out, err := c.Output()
	if err != nil {
		return err
	}
	var ns float64
	var bytes, allocations int64
	for line := range strings.Lines(string(out)) {
		if name, figures, ok := strings.Cut(line, "\t"); ok && strings.HasPrefix(name, "BenchmarkChange") {
			_, figures, _ = strings.Cut(strings.TrimSpace(figures), "\t")
			if _, err := fmt.Sscanf(figures, "%f ns/op %d B/op %d allocs/op", &ns, &bytes, &allocations); err != nil {
				return fmt.Errorf("reading %q: %w", line, err)
			}
		}
	}
	if ns == 0 {
		return fmt.Errorf("no figure in %q", out)
	}
	cpu := (c.ProcessState.UserTime() + c.ProcessState.SystemTime()) / rounds
	b.table.atMost("who made 5,000 commits in 300 requests, in memory, CPU", cpu.Seconds()*1e3, 100, " ms",
		fmt.Sprintf("wall %s, %d allocations, %.1f MB", span(time.Duration(ns)), allocations, float64(bytes)/1e6))
	return nil
}

// hashing compares with openssl: the hashing alone, and a whole verification.
func (b *bench) hashing() error {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		b.table = append(b.table, row{"hash 1 GiB", "-", "openssl is missing", "<= 1.02", "-"})
		return nil
	}
	sha := func(file string) []string { return []string{openssl, "dgst", "-sha256", file} }
	bundle := b.bundle("large")
	u, err := compare(b.few(),
		command{dir: b.dir, args: []string{b.bin("library"), "hash", "1", "large/a"}},
		command{dir: b.dir, args: sha("large/a")},
		command{dir: b.dir, args: []string{b.bin("library"), "hash", "2", "large/a", "large/b"}},
		command{dir: b.dir, args: sha("large/a"), with: sha("large/b")},
		b.verify(bundle, "large/a"))
	if err != nil {
		return err
	}
	b.table.ratio("hash 1 GiB, wall", u[0].wall, u[1].wall, 1.02, "openssl dgst")
	b.table.ratio("hash 2 x 1 GiB on two cores, wall", u[2].wall, u[3].wall, 1.02, "two openssl dgst at once")
	b.table.fact("verify 1 GiB and its bundle, wall", span(u[4].wall), "openssl dgst alone "+span(u[1].wall))
	b.table.atMost("verify 1 GiB, peak memory", float64(u[4].rss)/1e6, 60, " MB", "openssl dgst "+mb(u[1].rss))
	return nil
}

func (b *bench) size() error {
	info, err := os.Stat(b.bin("sallyport"))
	if err != nil {
		return err
	}
	plain, err := os.Stat(b.bin("plain"))
	if err != nil {
		return err
	}
	b.table.atMost("binary, stripped", float64(info.Size())/1e6, 26, " MB", fmt.Sprintf("plain client %.1f MB", float64(plain.Size())/1e6))
	return nil
}

// signed adds what attest took in the lab.
func (b *bench) signed() error {
	floor := "the log answers once a second"
	b.table.fact("attest 1 file, in the lab, wall", span(b.taken.One), floor)
	b.table.fact("attest 1,000 files, in the lab, wall", span(b.taken.Many), strings.Replace(floor, "the log", "one statement; the log", 1))
	return nil
}

func mb(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func most(u usage) string {
	return fmt.Sprintf("best %s, CPU %s, %s", span(u.best), span(u.cpu), mb(u.rss))
}
