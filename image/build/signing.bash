# shellcheck shell=bash
# Part of scripts/build-image: the key that signs updates. The image trusts the certificate that belongs to it.
# shellcheck disable=SC2154 # cache, work are build-image's own

signing_key='' signing_cert=''
find_signing_key() {
  if [[ -n $key_given ]]; then
    [[ -r $key_given && -r $cert_given ]] || die "the signing key or its certificate can't be read"
    signing_key=$key_given signing_cert=$cert_given
    return
  fi
  local directory=$cache/signing
  signing_key=$directory/key.pem signing_cert=$directory/cert.pem
  if [[ -s $signing_key && -s $signing_cert ]]; then return; fi
  say "making a key for signing updates, kept in $directory: whoever has it can update your gateways"
  install -d -m 700 "$directory"
  (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$signing_key.new")
  openssl req -new -x509 -key "$signing_key.new" -sha256 -days 7300 -subj '/CN=paxgate updates' -out "$signing_cert" \
    -addext 'keyUsage=critical,digitalSignature' 2>"$work/log/openssl"
  mv "$signing_key.new" "$signing_key"
}

# An update: the root file system, which carries its own kernel. Its bytes differ from build to build (the time of
# signing), its content does not.
make_bundle() {
  local content=$work/bundle output=$out/$image_name.raucb
  rm -rf "$content" "$output"
  mkdir -p "$content"
  cp --reflink=auto "$work/root.squashfs" "$content/root.squashfs"
  local compatible
  compatible=$(sed -n 's/^compatible=//p' "$tree/etc/rauc/system.conf")
  [[ -n $compatible ]] || die "etc/rauc/system.conf of the image does not say what it is compatible with"
  cat >"$content/manifest.raucm" <<EOT
[update]
compatible=$compatible
version=$version
build=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S)

[bundle]
format=plain

[image.rootfs]
filename=root.squashfs
EOT
  rauc --cert="$signing_cert" --key="$signing_key" bundle "$content" "$output"
  rauc --keyring="$signing_cert" info "$output" >/dev/null
  rm -rf "$content"
}
