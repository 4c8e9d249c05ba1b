// Written from internal/inputs. Edit the table, then: go test ./internal/inputs -update
'use strict'
require('../../shared/install.js').action('approve', [
  { name: 'release' },
  { name: 'waive' },
  { name: 'changes' },
  { name: 'decision', preset: 'approve' },
  { name: 'resume', preset: 'false' },
  { name: 'subject', list: true },
  { name: 'environments', list: true },
  { name: 'reason' },
  { name: 'expires' },
  { name: 'server' },
  { name: 'break-glass', preset: 'false' },
  { name: 'policy', preset: '.sallyport/policy.yaml' },
  { name: 'bundle', list: true },
  { name: 'sigstore', preset: 'auto' },
  { name: 'signing-config' },
  { name: 'audience', preset: 'sigstore' },
  { name: 'authority' },
  { name: 'trusted-root' },
  { name: 'log-private-repository', preset: 'false' },
  { name: 'store', preset: 'auto', list: true },
  { name: 'bundle-dir', preset: '.sallyport/bundles' },
  { name: 'format', preset: 'text' },
  { name: 'token', secret: 'SALLYPORT_TOKEN' }
])
