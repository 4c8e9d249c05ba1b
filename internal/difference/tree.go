package difference

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Limits of the report of a tree.
const (
	maxListed  = 1000 // names of one list
	maxReports = 100  // files of which the difference is looked for
)

// A TreeReport says how two folders of files differ.
type TreeReport struct {
	Name string `json:"name"`
	Same bool   `json:"same"`
	// OnlyA and OnlyB are names that one side alone has, in the order of bytes; at most 1,000 of each.
	OnlyA []string `json:"onlyA,omitempty"`
	OnlyB []string `json:"onlyB,omitempty"`
	// Different are the files that both have and that differ, by name; at most 100.
	Different []Report `json:"different,omitempty"`
	// Causes are those of all files in Different, worst first.
	Causes []Cause `json:"causes,omitempty"`
	Totals Totals  `json:"totals"`
	// First is the name of the first file, in the order of bytes, that one side alone has or that differs.
	First string `json:"first,omitempty"`
	// Omitted is how many names and reports are in no list.
	Omitted int `json:"omitted"`
}

// Totals count the files of two folders.
type Totals struct {
	Same      int `json:"same"`
	Different int `json:"different"`
	OnlyA     int `json:"onlyA"`
	OnlyB     int `json:"onlyB"`
}

// JSON is the one form of a report as JSON (RFC 8785).
func (r TreeReport) JSON() ([]byte, error) { return strictjson.Canonical(r) }

// Tree compares the files of two folders by name. Names are paths with slashes, relative to the folders; those of
// empty folders are no files. An error is about reading the files.
func (c Comparison) Tree(name string, a, b map[string]File) (TreeReport, error) {
	r := TreeReport{Name: name}
	names := maps.Clone(a)
	if names == nil {
		names = map[string]File{}
	}
	maps.Copy(names, b)
	for _, n := range slices.Sorted(maps.Keys(names)) {
		x, inA := a[n]
		y, inB := b[n]
		switch {
		case !inB:
			r.Totals.OnlyA++
			r.list(&r.OnlyA, n)
		case !inA:
			r.Totals.OnlyB++
			r.list(&r.OnlyB, n)
		default:
			if err := r.file(c, n, x, y); err != nil {
				return TreeReport{}, err
			}
		}
	}
	r.Same = r.Totals.Different+r.Totals.OnlyA+r.Totals.OnlyB == 0
	r.Causes = together(r.Different)
	return r, nil
}

func (r *TreeReport) list(to *[]string, name string) {
	r.begin(name)
	if len(*to) == maxListed {
		r.Omitted++
		return
	}
	*to = append(*to, name)
}

func (r *TreeReport) begin(name string) {
	if r.First == "" {
		r.First = name
	}
}

// file compares one file that both sides have. After maxReports that differ, it says only whether they do.
func (r *TreeReport) file(c Comparison, name string, a, b File) error {
	if len(r.Different) == maxReports {
		at, err := content2{{at: a, size: a.Size()}, {at: b, size: b.Size()}}.first()
		if err != nil {
			return fmt.Errorf("comparing the two of %q: %w", name, err)
		}
		if at < 0 {
			r.Totals.Same++
			return nil
		}
		r.Totals.Different++
		r.Omitted++
		return nil
	}
	one, err := c.Compare(name, a, b)
	if err != nil {
		return err
	}
	if one.Same {
		r.Totals.Same++
		return nil
	}
	r.Totals.Different++
	r.begin(name)
	r.Different = append(r.Different, one)
	return nil
}

// together are the causes of several reports, each once.
func together(all []Report) []Cause {
	byID := map[string]*Cause{}
	for _, r := range all {
		for _, c := range r.Causes {
			sum := byID[c.ID]
			if sum == nil {
				x := c
				x.Count, x.Where = 0, nil
				byID[c.ID], sum = &x, &x
			}
			sum.Count += c.Count
			sum.Where = append(sum.Where, c.Where[:min(len(c.Where), maxWhere-len(sum.Where))]...)
		}
	}
	var out []Cause
	for _, c := range byID {
		out = append(out, *c)
	}
	slices.SortFunc(out, worse)
	return out
}
