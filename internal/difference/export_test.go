package difference

// CauseIDs are the rows of the table of causes.
func CauseIDs() (out []string) {
	for id := range causes {
		out = append(out, id)
	}
	return out
}
