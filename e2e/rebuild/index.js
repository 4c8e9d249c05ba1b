// Says hello.
module.exports = name => `hello, ${name}`
