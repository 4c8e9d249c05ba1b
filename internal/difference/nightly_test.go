//go:build nightly

package difference_test

import "github.com/sallyport-dev/sallyport/internal/difference"

// A JDK is large, so what it makes is tried at night.
func init() {
	tools = append(tools, made{
		name: "the times in a jar", tools: "javac jar",
		script: `printf 'class A {}' > A.java; javac A.java; touch -d @$AT A.class; jar cfM out A.class`,
		side: [2]string{
			"AT=1700000000",
			"AT=1700000010",
		}, path: `member 1 "A.class" › mtime`, kind: difference.Time, try: "strip-nondeterminism",
		fixed: `printf 'class A {}' > A.java; javac A.java; touch -d @$AT A.class; ` +
			`jar --create --no-manifest --date=2026-01-02T10:00:00Z --file=out A.class`,
	})
}
