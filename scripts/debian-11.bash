#!/usr/bin/env bash
# Part of install-packages: makes apt offer Debian 11's Asterisk, from where the machine gets its own Debian.
# Uses its functions and variables; ends it with a message when Debian 11 can't be had.
# shellcheck disable=SC2154 # work and codename are install-packages' own

readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
readonly sources=/etc/apt/sources.list.d/paxgate-bullseye.sources
readonly pin=/etc/apt/preferences.d/paxgate-bullseye

# Writes standard input to a file of root's unless it says that already.
put_file() {
  cat >"$work/file"
  if cmp -s "$work/file" "$1"; then return; fi
  [[ -e $1 ]] || written+=("$1")
  as_root install -m "$2" "$work/file" "$1"
}

# The address from which apt takes a suite of Debian's own, whatever format its sources are written in.
mirror_of() { # suite, label
  # shellcheck disable=SC2016 # the fields are apt's to fill in
  apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(LABEL)' 'Created-By: Packages' |
    awk -F'|' -v suite="$1" -v label="$2" \
      '($2 == suite || $3 == suite) && $4 == "Debian" && $5 == label && !found++ { print $1 }'
}

update_lists() {
  as_root apt-get -q update >"$work/update" 2>&1 || true # a source of somebody else's may be down: judged by what came
}

# What apt complained about when it last fetched its lists.
show_complaints() { grep -sE '^(W|E|Err)' "$work/update" >&2 || true; }

offer_asterisk() {
  if [[ $(candidate asterisk) == 1:16.* ]]; then return; fi

  find_mirrors() {
    [[ -n $mirror ]] || mirror=$(mirror_of "$codename" Debian)
    [[ -n $security_mirror ]] || security_mirror=$(mirror_of "$codename-security" Debian-Security)
  }
  find_mirrors
  if [[ -z $mirror || -z $security_mirror ]]; then # a fresh machine has no lists yet
    update_lists
    find_mirrors
  fi
  [[ -n $mirror && -n $security_mirror ]] || show_complaints
  [[ -n $mirror ]] || die "apt on this machine knows no mirror of Debian's own $codename: name one with --mirror"
  [[ -n $security_mirror ]] ||
    die "apt on this machine knows no mirror of Debian's $codename-security: name one with --security-mirror"
  [[ -r $keyring ]] || die "$keyring is missing: install the package debian-archive-keyring"

  say "Debian 11 comes from $mirror and $security_mirror"
  put_file "$pin" 644 <<'EOT'
# Debian 11 is here for Asterisk 16 (with chan_sip) alone: everything else stays with this system's own release.
Package: *
Pin: release o=Debian,n=bullseye*
Pin-Priority: 100
EOT
  put_file "$sources" 644 <<EOT
# For Asterisk 16 (with chan_sip), the gateway's. Pinned in $pin.
Types: deb
URIs: $mirror
Suites: bullseye
Components: main
Signed-By: $keyring

Types: deb
URIs: $security_mirror
Suites: bullseye-security
Components: main
Signed-By: $keyring
EOT
  update_lists
  if [[ $(candidate asterisk) == 1:16.* && -n $(mirror_of bullseye Debian) ]]; then return; fi

  show_complaints
  if grep -q -e NO_PUBKEY -e 'Missing key' "$work/update"; then
    die "$keyring lacks the key that signs Debian 11." \
      "Install Debian's current debian-archive-keyring (apt-get install debian-archive-keyring), then start again."
  fi
  die "Debian 11 could not be had from there; apt's words are above, if it had any." \
    "The network may be down, or a mirror may have given Debian 11 up: then name one that carries bullseye and" \
    "bullseye-security with --mirror and --security-mirror."
}
