// Puts the sallyport binary that belongs to this commit into a fresh directory
// and runs it with what an action was told. It takes the released binary whose
// SHA-256 this commit records; if none is recorded, it builds this commit's
// source; else it stops. install.sh does the same for everything but actions.
//
// The runner brings Node, into containers too: a job's image needs no shell, no
// downloader, nothing that unpacks or hashes, and no certificates. Only what
// Node itself brings is used.
//
// No byte is written to the disk before the whole file has the recorded digest.
// It does not matter where the bytes came from, and no program of the workspace
// runs.
'use strict'
const { spawn, spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const https = require('node:https')
const os = require('node:os')
const path = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { gunzipSync } = require('node:zlib')

const windows = process.platform === 'win32'
const root = path.join(__dirname, '..')
const limit = 200 << 20 // no download grows past this, packed or unpacked

// A Stop ends the step with a status of docs/exit-codes.md and one line.
class Stop extends Error {
  constructor (status, message) {
    super(message)
    this.status = status
  }
}
const usage = 2, refused = 3, unavailable = 5

// record returns what this commit says about name, or null before a release.
function record (name) {
  let version = '', want = '', lines = 0
  for (const line of fs.readFileSync(path.join(__dirname, 'release.txt'), 'utf8').split('\n')) {
    const [first, second] = line.trim().split(/\s+/)
    if (!first || first.startsWith('#')) continue
    lines++
    if (first === 'version') {
      version = second || ''
    } else if (second === name) {
      if (want) throw new Stop(usage, `the release record names ${name} twice`)
      want = first
    }
  }
  if (lines === 0) return null
  if (!/^v[0-9]/.test(version)) throw new Stop(usage, 'the release record has no version')
  if (!/^[A-Za-z0-9.-]*$/.test(version)) throw new Stop(usage, 'the release record has a malformed version')
  if (!want) throw new Stop(usage, `the release record of ${version} has no digest for ${name}`)
  if (!/^[0-9a-f]{64}$/.test(want)) throw new Stop(usage, `the release record of ${version} has a malformed digest for ${name}`)
  return { version, want }
}

// proxy returns the proxy that the environment names for url, or null. Like
// curl, it speaks with a proxy only to open a tunnel to an https server.
function proxy (url) {
  const env = (name) => process.env[name] || process.env[name.toUpperCase()] || ''
  const near = env('no_proxy').split(',').map((s) => s.trim().replace(/^\*?\./, '')).filter(Boolean)
  const is = (name) => name === '*' || url.hostname === name || url.hostname.endsWith('.' + name)
  const far = url.protocol === 'https:' && env('https_proxy')
  if (!far || near.some(is)) return null
  return new URL(far.includes('://') ? far : 'http://' + far)
}

// send asks for url and resolves to the answer, whatever it says.
function send (url, options) {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, { agent: false, timeout: 60000, ...options })
    request.on('response', resolve).on('connect', (answer, socket) => resolve({ answer, socket })).on('error', reject)
    request.on('timeout', () => request.destroy(new Error('no answer'))).end()
  })
}

// tunnel returns a connection to the server of url, through far.
async function tunnel (far, url, signal) {
  const to = `${url.hostname}:${url.port || 443}`
  const headers = { host: to }
  if (far.username) {
    const who = decodeURIComponent(far.username) + ':' + decodeURIComponent(far.password)
    headers['proxy-authorization'] = 'Basic ' + Buffer.from(who).toString('base64')
  }
  const { answer, socket } = await send(new URL(far.origin), { method: 'CONNECT', path: to, headers, signal })
  if (socket && answer.statusCode === 200) return socket
  socket?.destroy()
  throw new Error(`the proxy ${far.host} does not lead to ${to}`)
}

// get returns the bytes at url. It follows five redirects, and none from https
// to http.
async function get (url, signal, hops = 5) {
  const far = proxy(url)
  const answer = await send(url, { signal, ...(far && { socket: await tunnel(far, url, signal) }) })
  const { statusCode: status, headers: { location } } = answer
  if (status === 200) {
    const parts = []
    let size = 0
    for await (const part of answer) {
      size += part.length
      if (size > limit) throw new Error(`more than ${limit} bytes`)
      parts.push(part)
    }
    return Buffer.concat(parts)
  }
  answer.destroy()
  if ([301, 302, 303, 307, 308].includes(status) && location) {
    const next = new URL(location, url)
    if (hops === 0) throw new Error('more than five redirects')
    if (url.protocol === 'https:' && next.protocol !== 'https:') throw new Error('a redirect from https to ' + next.protocol.slice(0, -1))
    return get(next, signal, hops - 1)
  }
  throw Object.assign(new Error(`status ${status}`), { status })
}

// keep does the same for as long as five minutes, and asks again where that may
// help.
async function keep (url) {
  const signal = AbortSignal.timeout(300000)
  for (const wait of [500, 2000, 0]) {
    try {
      return await get(new URL(url), signal)
    } catch (err) {
      const final = err.status ? err.status < 500 && err.status !== 429 : !err.code && !err.errors
      if (final || wait === 0) throw err
      await pause(wait)
    }
  }
}

// download returns the recorded file, or stops.
async function download (name, { version, want }) {
  const base = process.env.SALLYPORT_RELEASES || 'https://github.com/sallyport-dev/sallyport/releases/download'
  const url = `${base}/${version}/${name}`
  let bytes
  try {
    bytes = await keep(url + '.gz').then(unpack, (err) => {
      if (err.status === 404) return keep(url) // a mirror without packed files
      throw err
    })
  } catch (err) {
    const why = (err.errors ? err.errors[0] : err).message
    throw new Stop(unavailable, `${name} ${version} could not be downloaded from ${shown(url)} (${why}); SALLYPORT_RELEASES names a mirror`)
  }
  const got = digest(bytes)
  if (got !== want) throw new Stop(refused, `${name} ${version} is not the recorded file: sha256 ${got}, want ${want}`)
  return bytes
}

// unpack returns nothing for what is no archive, or too large: it then has a
// digest that nobody recorded.
function unpack (packed) {
  try {
    return gunzipSync(packed, { maxOutputLength: limit })
  } catch {
    return Buffer.alloc(0)
  }
}

// shown is url without a password.
const shown = (url) => url.replace(/\/\/[^/]*@/, '//')

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')

// earlier returns the copy that an earlier step of this job has left in temp,
// after hashing it again, or null. A link could be turned after that.
function earlier (temp, file, want) {
  for (const entry of process.env.RUNNER_TEMP ? fs.readdirSync(temp, { withFileTypes: true }) : []) {
    const copy = path.join(temp, entry.name, file)
    if (!entry.name.startsWith('sallyport.') || !entry.isDirectory() || !fs.lstatSync(copy, { throwIfNoEntry: false })?.isFile()) continue
    if (digest(fs.readFileSync(copy)) === want) return copy
  }
  return null
}

// shelf is where a machine that has many jobs keeps the file of a record, or null.
// A job never runs what lies there: it reads the bytes, and what has another
// digest is as good as absent.
function shelf (file, want) {
  const tools = process.env.RUNNER_TOOL_CACHE
  return tools && path.isAbsolute(tools) ? path.join(tools, 'sallyport', want, file) : null
}

// kept returns the bytes that an earlier job has left on the shelf, or null.
function kept (place, want) {
  try {
    const is = place && fs.statSync(place)
    if (!is || !is.isFile() || is.size > limit) return null
    const bytes = fs.readFileSync(place)
    return digest(bytes) === want ? bytes : null
  } catch {
    return null
  }
}

// keepFor leaves bytes for later jobs, whole or not at all. Where that cannot be
// done, each job downloads.
function keepFor (place, bytes) {
  if (!place) return
  const part = `${place}.${process.pid}`
  try {
    fs.mkdirSync(path.dirname(place), { recursive: true })
    fs.writeFileSync(part, bytes, { mode: 0o600, flag: 'wx' })
    fs.renameSync(part, place)
  } catch {
    try { fs.rmSync(part, { force: true }) } catch {}
  }
}

// compiler returns the first Go in an absolute entry of PATH that is outside of
// the workspace, or null.
function compiler () {
  const real = (dir) => { try { return fs.realpathSync(dir) } catch { return '' } }
  const inside = [process.env.GITHUB_WORKSPACE, process.cwd()].map((dir) => dir && real(dir)).filter((dir) => dir && dir !== path.parse(dir).root)
  for (const entry of (process.env.PATH || '').split(path.delimiter)) {
    const dir = path.isAbsolute(entry) && real(entry)
    if (!dir || inside.some((work) => (dir + path.sep).startsWith(work + path.sep))) continue
    const go = path.join(dir, windows ? 'go.exe' : 'go')
    try {
      fs.accessSync(go, fs.constants.X_OK)
      return go
    } catch {}
  }
  return null
}

// build compiles this commit's source to bin. The environment is made from
// nothing: neither another toolchain nor another's modules take part, and what
// go.sum and the checksum database do not know is refused.
function build (bin) {
  const module = path.join(root, 'go.mod')
  const ours = fs.existsSync(module) && /^module github\.com\/sallyport-dev\/sallyport\r?\n/.test(fs.readFileSync(module, 'utf8'))
  const go = ours && compiler()
  if (!go) throw new Stop(usage, 'this commit records no release and cannot be built here; pin the commit of a release')
  const made = path.join(path.dirname(bin), 'made')
  fs.mkdirSync(made)
  const system = windows ? [path.join(process.env.SYSTEMROOT, 'System32')] : ['/usr/bin', '/bin']
  const env = {
    PATH: [...system, path.dirname(go)].join(path.delimiter),
    HOME: made,
    TMPDIR: made,
    GOCACHE: path.join(made, 'cache'),
    GOPATH: path.join(made, 'go'),
    GOENV: 'off',
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-mod=readonly -modcacherw',
    GOWORK: 'off',
    GO111MODULE: 'on',
    GOPROXY: 'https://proxy.golang.org',
    GOSUMDB: 'sum.golang.org',
    CGO_ENABLED: '0',
    ...(windows && { SYSTEMROOT: process.env.SYSTEMROOT, USERPROFILE: made, TEMP: made, TMP: made })
  }
  const args = ['build', '-trimpath', '-buildvcs=false', '-tags=grpcnotrace', '-ldflags=-s -w -buildid=', '-o', bin, '.']
  const { status } = spawnSync(go, args, { cwd: root, env, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Stop(usage, "this commit's source could not be built")
  fs.rmSync(made, { recursive: true, force: true })
}

// install returns the path and the version of the binary.
async function install () {
  const system = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform]
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch]
  if (!system || !arch) throw new Stop(usage, `this runner is ${process.platform} ${process.arch}; sallyport needs Linux, macOS or Windows on amd64 or arm64`)
  const suffix = windows ? '.exe' : ''
  const temp = process.env.RUNNER_TEMP || os.tmpdir()
  if (!path.isAbsolute(temp)) throw new Stop(usage, 'the temporary directory is not an absolute path')
  const name = `sallyport_${system}_${arch}${suffix}`
  const file = 'sallyport' + suffix
  const release = record(name)
  const copy = release && earlier(temp, file, release.want)
  if (copy) return { bin: copy, version: release.version }
  const place = release && shelf(file, release.want)
  let bytes = release && kept(place, release.want)
  if (release && !bytes) {
    bytes = await download(name, release)
    keepFor(place, bytes)
  }
  const dir = fs.mkdtempSync(path.join(temp, 'sallyport.'))
  const bin = path.join(dir, file)
  try {
    if (release) fs.writeFileSync(bin, bytes, { mode: 0o700, flag: 'wx' })
    else build(bin)
  } catch (err) {
    fs.rmSync(dir, { recursive: true, force: true })
    throw err
  }
  return { bin, version: release ? release.version : 'source' }
}

// values splits the text of a list as the binary splits a variable: one value to
// a line, or a JSON array of strings.
function values (text) {
  try {
    const list = JSON.parse(text)
    if (list === null) return []
    if (Array.isArray(list) && list.every((v) => v === null || typeof v === 'string')) return list.map((v) => v ?? '')
  } catch {}
  const edge = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g
  return text.split('\n').map((line) => line.replace(edge, '')).filter((line) => line !== '')
}

// told returns the arguments and the environment of a command. Every input that
// says something else than its preset is an argument; a secret is a variable,
// because every user of a machine can read arguments. Variables that an earlier
// step may have left for the command are gone.
function told (inputs) {
  const args = []
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(INPUT|SALLYPORT)_/i.test(name)))
  for (const { name, preset = '', list = false, secret } of inputs) {
    const text = process.env['INPUT_' + name.toUpperCase()] || ''
    if (text === '' || text === preset) continue
    if (secret) env[secret] = text
    else args.push(...(list ? values(text) : [text]).map((value) => `--${name}=${value}`))
  }
  return { args, env }
}

// run is a command of bin: its status is the step's. To be cancelled is handed
// on, and counts as no answer.
function run (bin, command, { args, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(bin, [command, ...args], { env, stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
    child.on('error', reject).on('exit', (status) => resolve(status ?? 1))
  })
}

// hand gives the binary to the steps that follow.
function hand ({ bin, version }) {
  fs.appendFileSync(process.env.GITHUB_PATH, path.dirname(bin) + '\n')
  fs.appendFileSync(process.env.GITHUB_OUTPUT, `bin=${bin}\nversion=${version}\n`)
  return 0
}

// action installs and runs one command with inputs; without a command it only
// installs.
async function action (command, inputs) {
  try {
    const installed = await install()
    process.exitCode = command ? await run(installed.bin, command, told(inputs)) : hand(installed)
  } catch (err) {
    const line = err.message.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')
    console.error(`::error title=sallyport::${line}`)
    process.exitCode = err instanceof Stop ? err.status : 1
  }
}

module.exports = { action, values }
