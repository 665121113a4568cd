# shellcheck shell=bash
# Part of scripts/build-image: which packages the image has, and fetching them.
# shellcheck disable=SC2154 # cache, work, mirrors are build-image's own

packages_root=''
# The suites, and what may come from which.
prepare_packages() {
  packages_root=$cache/apt
  rm -rf "${packages_root:?}/etc"
  apt_root "$packages_root" arm64
  local suite
  for suite in trixie trixie-updates trixie-backports; do
    add_source "$packages_root" "$mirror" "$suite" main non-free-firmware
  done
  add_source "$packages_root" "$security_mirror" trixie-security main
  add_source "$packages_root" "$mirror" bullseye main
  add_source "$packages_root" "$security_mirror" bullseye-security main
  # Debian 11 is here for Asterisk 16 (with chan_sip) and what only that needs; the kernel for the Pi 5 and gpio-sim.
  cat >"$packages_root/etc/apt/preferences.d/paxgate" <<'EOT'
Package: *
Pin: release o=Debian,n=bullseye*
Pin-Priority: 100

Package: linux-*
Pin: release n=trixie-backports
Pin-Priority: 600
EOT
  apt_at "$packages_root" update
  mapfile -t release_files < <(find "$packages_root/var/lib/apt/lists" -name '*Release' | LC_ALL=C sort)
  ((${#release_files[@]} >= 6)) || die "a suite could not be had from $mirror or $security_mirror; see above"
}

# Both lists of the layers as one: what apt resolves together fits together.
name_packages() {
  mapfile -t wanted < <(layer_lists packages | LC_ALL=C sort -u)
  mapfile -t wanted_files < <(layer_lists files | LC_ALL=C sort -u)
  # A kernel's package is named by its version: the newest that the list's pattern fits.
  local name i
  for i in "${!wanted_files[@]}"; do
    name=${wanted_files[i]}
    [[ $name == *VERSION* ]] || continue
    wanted_files[i]=${name//VERSION/$(kernel_version)}
  done
}

# The version in the name of the package that linux-image-arm64 of backports asks for.
kernel_version() {
  APT_CONFIG=$packages_root/apt.conf apt-cache depends --no-recommends linux-image-arm64 |
    sed -n 's/.*Depends: linux-image-\([0-9][^ ]*\)-arm64$/\1/p' | head -n 1
}

# The names of the files that apt would fetch. Another directory of archives, so that what is there already is listed too.
resolve() {
  local none=$work/none
  mkdir -p "$none/partial"
  {
    apt_at "$packages_root" -o Dir::Cache::archives="$none" install --print-uris '?essential' "${wanted[@]}"
    apt_at "$packages_root" -o Dir::Cache::archives="$none" download --print-uris "${wanted_files[@]}"
  } | awk -v q="'" '$1 ~ "^" q && $2 ~ /\.deb$/ { print $2 }' | LC_ALL=C sort -u
}

# Finds out what to fetch and fetches it. A version that the mirror lists but does not have is passed over for the next
# older one, and that is noted: an image with the last but one Asterisk is better than none.
fetch_packages() {
  name_packages
  local attempt name version noted=$packages_root/passed-over preferences=$packages_root/etc/apt/preferences.d
  # The notes hold as long as the mirror has nothing new.
  if [[ ! -f $noted ]] || ! cmp -s <(cat "${release_files[@]}" | sha256sum) "$noted.for"; then
    : >"$noted"
    cat "${release_files[@]}" | sha256sum >"$noted.for"
  fi
  for attempt in {1..9}; do
    awk '{ printf "Package: src:%s\nPin: version %s\nPin-Priority: -1\n\n", $1, $2 }' "$noted" >"$preferences/passed-over"
    resolve >"$work/resolved"
    if fetch >"$work/fetch" 2>&1; then break; fi
    cat "$work/fetch"
    sed -En 's,^E: Failed to fetch .*/([^/_ ]+)_([^/_ ]+)_[a-z0-9]+\.deb +404 .*,\1 \2,p' "$work/fetch" | sort -u >"$work/gone"
    [[ -s $work/gone && $attempt != 9 ]] || die "the packages could not be fetched; apt's words are above"
    while read -r name version; do pass_over "$name" "$version" >>"$noted"; done <"$work/gone"
    LC_ALL=C sort -uo "$noted" "$noted"
  done
  # apt has checked them: each is what a list signed by Debian says. "name hash", for the base's name and the manifest.
  (cd "$packages_root/var/cache/apt/archives" && xargs sha256sum --) <"$work/resolved" | awk '{ print $2, $1 }' >"$work/hashed"
  mv "$work/hashed" "$work/resolved"
}

fetch() {
  local archives=$packages_root/var/cache/apt/archives result=0
  apt_at "$packages_root" install --download-only '?essential' "${wanted[@]}" || result=$?
  (cd "$archives" && apt_at "$packages_root" download "${wanted_files[@]}") || result=$?
  return "$result"
}

# The file has no epoch in its name, and strange letters are written otherwise: apt knows the version by both. What was
# built together is passed over together: it needs one another.
pass_over() { # package, version in the file's name
  local file=${2//%2b/+} version origin
  file=${file//%7e/\~}
  version=$(APT_CONFIG=$packages_root/apt.conf apt-cache madison "$1" | awk -v file="$file" '
    { plain = $3; sub(/^[0-9]+:/, "", plain) }
    plain == file || $3 == file { print $3; exit }')
  [[ -n $version ]] || die "apt does not know the version $2 of $1, which it wanted to fetch"
  origin=$(APT_CONFIG=$packages_root/apt.conf apt-cache show "$1=$version" | sed -n 's/^Source: \([^ ]*\).*/\1/p' | head -n 1)
  printf '%s %s\n' "${origin:-$1}" "$version"
}
