package inventory

import (
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// The catalog of known exploited vulnerabilities of CISA (known_exploited_vulnerabilities.json).

func isKEV(s strictjson.Shape) bool { return s.Has("catalogVersion", "vulnerabilities") }

func readKEV(d *document) error {
	e := &Exploited{}
	var k struct {
		Title           string             `json:"title"`
		Version         string             `json:"catalogVersion"`
		Released        string             `json:"dateReleased"`
		Count           strictjson.Literal `json:"count"`
		Vulnerabilities each               `json:"vulnerabilities"`
	}
	k.Vulnerabilities.f = func(r *strictjson.Reader) error {
		var v struct {
			ID string `json:"cveID"`
		}
		if err := r.Fill(&v); err != nil {
			return err
		}
		if v.ID == "" {
			return malformed("a vulnerability of the catalog has no member %q", "cveID")
		}
		e.IDs = append(e.IDs, v.ID)
		return d.bound.finding()
	}
	if err := d.fill("the catalog", &k); err != nil {
		return err
	}
	if len(e.IDs) == 0 {
		return malformed("the catalog lists no vulnerability")
	}
	if n := strconv.Itoa(len(e.IDs)); string(k.Count) != n {
		return malformed("the catalog lists %s vulnerabilities and says that it has %q: a part is missing", n,
			string(k.Count))
	}
	var err error
	r := &d.report
	if r.Time, err = moment("dateReleased", k.Released); err != nil {
		return err
	}
	e.Version = k.Version
	r.Document.Format, r.Named, r.Exploited = "CISA KEV", k.Title, e
	return nil
}
