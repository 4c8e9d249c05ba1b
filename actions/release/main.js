// Written from internal/inputs. Edit the table, then: go test ./internal/inputs -update
'use strict'
require('../../shared/install.js').action('release', [
  { name: 'subject', list: true },
  { name: 'checksums' },
  { name: 'version' },
  { name: 'environments', list: true },
  { name: 'policy', preset: '.sallyport/policy.yaml' },
  { name: 'expires', preset: '7d' },
  { name: 'bundle', list: true },
  { name: 'sigstore', preset: 'auto' },
  { name: 'signing-config' },
  { name: 'audience', preset: 'sigstore' },
  { name: 'authority' },
  { name: 'trusted-root' },
  { name: 'log-private-repository', preset: 'false' },
  { name: 'store', preset: 'auto', list: true },
  { name: 'bundle-dir', preset: '.sallyport/bundles' },
  { name: 'server' },
  { name: 'token', secret: 'SALLYPORT_TOKEN' }
])
