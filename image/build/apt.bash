# shellcheck shell=bash
# Part of scripts/build-image: apt and its lists apart from the machine's own, for another system and architecture.
# shellcheck disable=SC2154 # keyring is build-image's own

# Makes a directory in which apt works as for an empty system.
apt_root() { # directory, architecture
  mkdir -p "$1"/etc/apt/{apt.conf.d,auth.conf.d,preferences.d,sources.list.d,trusted.gpg.d} \
    "$1"/var/{lib/apt/lists/partial,cache/apt/archives/partial,lib/dpkg}
  : >"$1/var/lib/dpkg/status"
  : >"$1/etc/apt/sources.list"
  # The machine's own proxy and credentials hold; nothing that reacts to an installation does.
  {
    apt-config dump | grep -E '^(Acquire::(http|https|ftp)::|Dir::Etc::netrc)' || true
    cat <<EOT
Dir "$1";
Dir::State::status "$1/var/lib/dpkg/status";
Dir::Etc::trustedparts "$1/etc/apt/trusted.gpg.d";
Dir::Etc::main "/dev/null";
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::Assume-Yes "true";
// A private directory need not be readable for apt's own user.
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::Retries "3";
EOT
    # A mirror that keeps old states of Debian is trusted where the machine trusts it so.
    apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date) ' || true
  } >"$1/apt.conf"
}

apt_at() { # directory, arguments of apt-get
  local root=$1
  shift
  APT_CONFIG=$root/apt.conf apt-get -q "$@"
}

add_source() { # directory, address, suite, components...
  local root=$1 uri=$2 suite=$3
  shift 3
  printf 'deb [signed-by=%s] %s %s %s\n' "$keyring" "$uri" "$suite" "$*" >>"$root/etc/apt/sources.list"
}
