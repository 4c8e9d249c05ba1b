// Written from internal/inputs. Edit the table, then: go test ./internal/inputs -update
'use strict'
require('../../shared/install.js').action('gate', [
  { name: 'subject', list: true },
  { name: 'checksums' },
  { name: 'environment' },
  { name: 'policy', preset: '.sallyport/policy.yaml' },
  { name: 'policy-ref' },
  { name: 'bundle', list: true },
  { name: 'store', preset: 'auto', list: true },
  { name: 'verdict', preset: '.sallyport/verdict.json' },
  { name: 'input' },
  { name: 'keep-evidence' },
  { name: 'wait' },
  { name: 'workers' },
  { name: 'sigstore', preset: 'auto' },
  { name: 'signing-config' },
  { name: 'audience', preset: 'sigstore' },
  { name: 'authority' },
  { name: 'trusted-root' },
  { name: 'log-private-repository', preset: 'false' },
  { name: 'bundle-dir', preset: '.sallyport/bundles' },
  { name: 'server' },
  { name: 'format', preset: 'text' },
  { name: 'token', secret: 'SALLYPORT_TOKEN' }
])
