#!/bin/sh
# Hands what the gate allowed to an environment: every digest of $DIGESTS, found
# by its bytes, and nothing beside them. Usage: deploy.sh ENVIRONMENT
set -eu
environment=$1
if [ -z "${DIGESTS:-}" ]; then
	echo "deploy: the gate has allowed nothing" >&2
	exit 3
fi
for digest in $DIGESTS; do
	found=
	for file in dist/*; do
		if [ -f "$file" ] && [ "sha256:$(sha256sum <"$file" | cut -d' ' -f1)" = "$digest" ]; then
			found=$file
		fi
	done
	if [ -z "$found" ]; then
		echo "deploy: nothing here is $digest" >&2
		exit 3
	fi
	curl --fail --silent --show-error --upload-file "$found" "$DEPLOY_URL/$environment/$digest"
	echo "deployed $digest to $environment"
done
