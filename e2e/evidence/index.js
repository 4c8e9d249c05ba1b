// The page of a name.
exports.link = (name) => 'https://hello.example/' + encodeURIComponent(name)
