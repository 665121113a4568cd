# shellcheck shell=bash
# Part of scripts/build-image: the programs that the build machine needs.
# shellcheck disable=SC2154 # checkout, cache, machine, codename and mirrors are build-image's own

# All of them only run when they are called: none brings a service.
readonly tools=(ca-certificates cpio curl debian-archive-keyring device-tree-compiler dosfstools e2fsprogs fdisk git gpgv kmod mtools openssl
  rauc squashfs-tools systemd util-linux xz-utils zstd)

install_tools() {
  local wanted=("${tools[@]}") missing=() package
  # epoll is the one thing in the image that we compile; on arm64 the machine's own compiler does it.
  if [[ $machine == arm64 ]]; then wanted+=(g++); else wanted+=(g++-aarch64-linux-gnu); fi
  # The program is bundled by Node.js, which may have come from anywhere.
  local node_major
  node_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || true)
  if [[ -z $node_major ]] && [[ $codename == trixie ]]; then
    wanted+=(nodejs npm)
  elif ((${node_major:-0} < 20)); then
    die "Node.js 20 or newer is needed to build the program; this machine has ${node_major:-none}." \
      "scripts/install-packages says what to do about it."
  elif ! command -v npm >/dev/null; then
    wanted+=(npm)
  fi
  for package in "${wanted[@]}"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return; fi
  echo "installing ${missing[*]}"
  apt-get -q update || true # a source of somebody else's may be down: judged by what can be installed
  NEEDRESTART_SUSPEND=1 apt-get -q -y -o DPkg::Lock::Timeout=600 --no-remove --no-install-recommends install "${missing[@]}"
}

# Debian 12's emulator is five times slower with Perl than Debian 13's. It is only unpacked, not installed: its package
# would register it with the machine for good.
fetch_emulator() {
  emulator=$cache/qemu/usr/bin/qemu-aarch64
  if [[ $machine == arm64 || -x $emulator ]]; then return; fi
  local suite=$codename root=$cache/qemu.apt
  [[ $codename != bookworm ]] || suite=bookworm-backports
  rm -rf "$root" "$cache/qemu.new"
  apt_root "$root" "$machine"
  add_source "$root" "$mirror" "$suite" main
  apt_at "$root" update
  (cd "$root" && apt_at "$root" download "qemu-user/$suite")
  dpkg-deb -x "$root"/qemu-user_*.deb "$cache/qemu.new"
  rm -rf "$root" "$cache/qemu"
  mv "$cache/qemu.new" "$cache/qemu"
  [[ -x $emulator ]] || die "the package qemu-user of $suite has no $emulator"
}
