package github

// Reach says where the API of j's server is, as Identify does.
func Reach(j *Job, api string) error { return j.reachable(j.server.String(), api) }
