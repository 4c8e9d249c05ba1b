package policy

import "cmp"

// A stage is the check at which a fact failed. Checks are made in this order, so a
// fact that failed at a later one came nearer to what is wanted.
type stage int

// The stages, in the order of the checks.
const (
	atTrust    stage = iota // it verified under the trusted root of something else, which is no near miss
	atSigners               // the policy names nobody who may sign
	atSigner                // somebody else signed it: see miss.agreed
	atManifest              // it was signed by way of an attestation manifest
	atName                  // it was attested under another name
	atContent               // it states something else
	atAge                   // it is too old, or of the future
	atRef                   // it was built from a ref that is not protected
	atRun                   // its run did not succeed
	atBuild                 // a job of its run may have restored a cache, or run the project's code where it signed
	atAnswer                // the platform did not say how its run ended, or what its jobs did
	atImages                // it meets everything, and another image of the index lacks evidence
)

// beyond reports whether m came further than o.
func (m *miss) beyond(o *miss) bool {
	return cmp.Or(cmp.Compare(m.stage, o.stage), cmp.Compare(m.agreed, o.agreed)) > 0
}
