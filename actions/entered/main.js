// Written from internal/inputs. Edit the table, then: go test ./internal/inputs -update
'use strict'
require('../../shared/install.js').action('entered', [
  { name: 'of', preset: 'job' },
  { name: 'policy', preset: '.sallyport/policy.yaml' },
  { name: 'policy-ref' },
  { name: 'sigstore', preset: 'auto' },
  { name: 'signing-config' },
  { name: 'audience', preset: 'sigstore' },
  { name: 'authority' },
  { name: 'trusted-root' },
  { name: 'log-private-repository', preset: 'false' },
  { name: 'bundle-dir', preset: '.sallyport/bundles' },
  { name: 'server' },
  { name: 'token', secret: 'SALLYPORT_TOKEN' }
])
