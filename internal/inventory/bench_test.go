package inventory

import (
	"fmt"
	"strings"
	"testing"
)

// bigCycloneDX is a document of about n bytes, as tools write them: with hashes, licences, properties and dependencies.
func bigCycloneDX(n int) string {
	var b, deps strings.Builder
	b.WriteString(`{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"bom-ref":"main","name":"app"}},"components":[`)
	for i := 0; b.Len()+deps.Len() < n; i++ {
		if i > 0 {
			b.WriteString(",")
			deps.WriteString(",")
		}
		purl := fmt.Sprintf("pkg:npm/%%40scope/package-%d@1.%d.0", i, i%50)
		fmt.Fprintf(&b, `
    {
      "bom-ref": %q, "type": "library", "group": "@scope", "name": "package-%d", "version": "1.%d.0",
      "hashes": [{"alg": "SHA-512", "content": "%0128x"}],
      "licenses": [{"license": {"id": "MIT"}}], "purl": %q,
      "externalReferences": [{"type": "distribution", "url": "https://registry.example.com/@scope/package-%d.tgz"}],
      "properties": [{"name": "aquasecurity:trivy:PkgType", "value": "npm"}, {"name": "aquasecurity:trivy:PkgID", "value": "package-%d@1"}]
    }`, purl, i, i%50, i, purl, i, i)
		fmt.Fprintf(&deps, `{"ref":%q,"dependsOn":["main"]}`, purl)
	}
	b.WriteString(`],"dependencies":[` + deps.String() + `]}`)
	return b.String()
}

// bigSPDX is the same in the other format.
func bigSPDX(n int) string {
	var b, rels strings.Builder
	b.WriteString(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","documentDescribes":["SPDXRef-0"],"packages":[`)
	for i := 0; b.Len()+rels.Len() < n; i++ {
		if i > 0 {
			b.WriteString(",")
			rels.WriteString(",")
		}
		fmt.Fprintf(&b, `
    {
      "name": "package-%d", "SPDXID": "SPDXRef-%d", "versionInfo": "1.%d.0", "downloadLocation": "NONE", "filesAnalyzed": false,
      "licenseConcluded": "NOASSERTION", "licenseDeclared": "MIT", "copyrightText": "NOASSERTION",
      "checksums": [{"algorithm": "SHA256", "checksumValue": "%064x"}],
      "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/package-%d@1.%d.0"}]
    }`, i, i, i%50, i, i, i%50)
		fmt.Fprintf(&rels, `{"spdxElementId":"SPDXRef-0","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-%d"}`, i)
	}
	b.WriteString(`],"relationships":[` + rels.String() + `]}`)
	return b.String()
}

// BenchmarkReadSBOM is held to 0.5 s and to five times the size of the document.
func BenchmarkReadSBOM(b *testing.B) {
	for _, x := range []struct {
		name string
		text string
	}{{"CycloneDX", bigCycloneDX(20 << 20)}, {"SPDX", bigSPDX(20 << 20)}} {
		b.Run(x.name, func(b *testing.B) {
			b.SetBytes(int64(len(x.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(SBOM, []byte(x.text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFromPredicate reads what a policy reads a thousand of: a scan with one target, ten components and a finding.
func BenchmarkFromPredicate(b *testing.B) {
	var packages []string
	for i := range 10 {
		packages = append(packages, fmt.Sprintf(`{"Identifier":{"PURL":"pkg:npm/package-%d@1.0.0"}}`, i))
	}
	text := strings.Replace(aScan, `{"Name":"n","Version":"1"}`, strings.Join(packages, ","), 1)
	typ, p := predicateOf(b, Vulnerabilities, text)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromPredicate(Vulnerabilities, typ, []byte(p)); err != nil {
			b.Fatal(err)
		}
	}
}
