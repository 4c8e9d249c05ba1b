// Written from internal/inputs. Edit the table, then: go test ./internal/inputs -update
'use strict'
require('../../shared/install.js').action('attest', [
  { name: 'subject', list: true },
  { name: 'checksums' },
  { name: 'predicate-type' },
  { name: 'predicate' },
  { name: 'type' },
  { name: 'report' },
  { name: 'manifest' },
  { name: 'reproduction' },
  { name: 'report-inputs', list: true },
  { name: 'tool' },
  { name: 'tool-version' },
  { name: 'report-time' },
  { name: 'database-time' },
  { name: 'record-inputs', list: true },
  { name: 'sigstore', preset: 'auto' },
  { name: 'signing-config' },
  { name: 'audience', preset: 'sigstore' },
  { name: 'authority' },
  { name: 'trusted-root' },
  { name: 'log-private-repository', preset: 'false' },
  { name: 'store', preset: 'auto', list: true },
  { name: 'server' },
  { name: 'bundle-dir', preset: '.sallyport/bundles' },
  { name: 'api' },
  { name: 'token', secret: 'SALLYPORT_TOKEN' }
])
