# shellcheck shell=bash
# Part of scripts/build-image: the configured base system, kept for the next build.
# shellcheck disable=SC2154 # cache, work, checkout, emulator, machine are build-image's own

base=''
# Everything that the base depends on, in the name that it is kept under.
name_base() {
  local key
  key=$({
    cat "$work/resolved"
    printf '%s\n' "${wanted_files[@]}"
    cat "$checkout"/image/build/{base.bash,configure-tree}
  } | sha256sum | cut -c1-16)
  base=$cache/base-$key
}

# A register of the kernel's is for the whole machine: whoever waits here takes ours out of it, even if the build is
# killed outright, since the pipe to it closes then.
readonly register=/proc/sys/fs/binfmt_misc
readonly registered=paxgate-arm64
register_emulator() {
  # ELF, 64 bit, little-endian, AArch64. O C F: open the emulator now, keep credentials, whatever root it is called from.
  local magic='\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  [[ -w $register/register ]] || mount -t binfmt_misc binfmt_misc "$register"
  if [[ -e $register/$registered ]]; then echo -1 >"$register/$registered"; fi
  printf ':%s:M::%s:%s:%s:OCF' "$registered" "$magic" "$mask" "$emulator" >"$register/register"
}

build_base() {
  name_base
  if [[ -d $base ]]; then
    echo "kept from an earlier build"
    return
  fi
  local tree=$base.new archives=$packages_root/var/cache/apt/archives
  rm -rf "$cache"/base-*
  mkdir -p "$tree"
  awk '{ print $1 }' "$work/resolved" >"$work/all"
  local name
  for name in "${wanted_files[@]}"; do grep "^${name}_" "$work/all"; done | LC_ALL=C sort -u >"$work/files"
  grep -vxFf "$work/files" "$work/all" >"$work/list"
  # In a mount namespace of its own, so that binfmt_misc too is mounted for this alone.
  local pipe=$work/emulator
  rm -f "$pipe" "$pipe.ready"
  mkfifo "$pipe"
  export emulator register registered
  export -f register_emulator
  if [[ $machine != arm64 ]]; then
    # shellcheck disable=SC2016 # the inner shell's own
    setsid unshare --mount bash -c '
      set -euo pipefail
      trap "" INT TERM HUP
      exec <"$1"
      register_emulator
      : >"$1.ready"
      cat >/dev/null || true
      echo -1 >"$register/$registered"' bash "$pipe" &
    local keeper=$!
    exec 8>"$pipe"
    while [[ ! -e $pipe.ready ]]; do
      kill -0 "$keeper" 2>/dev/null || die "the emulator could not be registered with the kernel (binfmt_misc)"
      sleep 0.1
    done
  fi
  unshare --mount --pid --fork --kill-child 8>&- \
    "$checkout/image/build/configure-tree" "$tree" "$archives" "$work/list" "$work/files"
  if [[ $machine != arm64 ]]; then
    exec 8>&-
    wait "$keeper"
  fi
  mv "$tree" "$base"
}
