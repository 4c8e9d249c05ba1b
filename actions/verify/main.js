// Written from internal/inputs. Edit the table, then: go test ./internal/inputs -update
'use strict'
require('../../shared/install.js').action('verify', [
  { name: 'subject', list: true },
  { name: 'policy' },
  { name: 'bundle', list: true },
  { name: 'certificate-identity' },
  { name: 'certificate-identity-pattern' },
  { name: 'certificate-oidc-issuer' },
  { name: 'sigstore', preset: 'public-good' },
  { name: 'trusted-root' },
  { name: 'key' },
  { name: 'log', preset: 'proof' },
  { name: 'intermediates', preset: 'root' },
  { name: 'for' },
  { name: 'tuf-mirror' },
  { name: 'tuf-root' },
  { name: 'offline', preset: 'false' },
  { name: 'input' },
  { name: 'keep-evidence' },
  { name: 'workers' },
  { name: 'format', preset: 'text' },
  { name: 'store', list: true },
  { name: 'token', secret: 'SALLYPORT_TOKEN' }
])
