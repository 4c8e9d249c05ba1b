const assert = require('node:assert')
const test = require('node:test')
const { link } = require('./index.js')

test('a name', () => assert.equal(link('alice'), 'https://hello.example/alice'))
test('two words', () => assert.equal(link('a b'), 'https://hello.example/a%20b'))
