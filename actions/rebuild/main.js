// Written from internal/inputs. Edit the table, then: go test ./internal/inputs -update
'use strict'
require('../../shared/install.js').action('rebuild', [
  { name: 'manifest' },
  { name: 'accept-difference', preset: 'false' },
  { name: 'check', preset: 'false' },
  { name: 'command', list: true },
  { name: 'source', preset: '.' },
  { name: 'original' },
  { name: 'fetch', list: true },
  { name: 'with-network', preset: 'false' },
  { name: 'products', list: true },
  { name: 'reproduction', preset: '.sallyport/reproduction.json' },
  { name: 'html', preset: '.sallyport/rebuild.html' },
  { name: 'format', preset: 'text' }
])
