# shellcheck shell=bash
# Part of scripts/build-image: what the build hands over.
# shellcheck disable=SC2154 # out, name, work, jobs are build-image's own

# What two builds of the same are compared by.
sum_card() { sha256sum <"$work/paxgate.img" | cut -d ' ' -f 1 >"$work/paxgate.img.sha256"; }

# Versions of those programs of this machine that decide what bytes come out: "name version", separated by commas.
makers() {
  local packages=(cpio device-tree-compiler dosfstools e2fsprogs gzip kmod mtools squashfs-tools systemd xz-utils zstd)
  if [[ $machine == arm64 ]]; then packages+=(g++); else packages+=(g++-aarch64-linux-gnu); fi
  dpkg-query -W -f='${Package} ${Version},' "${packages[@]}"
  printf 'nodejs %s\n' "$(node -p process.versions.node)"
}

# Fixed blocks: the same bytes, however many processors. What is inside is compressed already: a high level wins nothing.
compress_card() {
  xz -T "$jobs" --block-size=16MiB -1 -c "$work/paxgate.img" >"$out/$image_name.img.xz.new"
  mv "$out/$image_name.img.xz.new" "$out/$image_name.img.xz"
  (cd "$out" && sha256sum "$image_name.img.xz" >"$image_name.img.xz.sha256")
}

describe() {
  node "$checkout/image/build/bmap.mjs" "$work/paxgate.img" "$boot_at:$(used_mib boot.fat):$boot_mib" \
    "$a_at:$(used_mib root.squashfs):$slot_mib" "$b_at:1:$slot_mib" "$data_at:$data_mib:$data_mib" >"$out/$image_name.img.bmap"
  layer_environment
  PASSED_OVER=$packages_root/passed-over RESOLVED=$work/resolved MANIFEST=$out/$image_name.manifest SBOM=$out/$image_name.cdx.json \
    IMAGER=$out/$image_name.imager.json CARD=$work/paxgate.img ARCHIVE=$out/$image_name.img.xz LAYERS="${layers[*]##*/}" \
    RELEASES="${release_files[*]}" CARD_SHA256=$(cat "$work/paxgate.img.sha256") MAKERS=$(makers) DOWNLOAD=$download_url node "$checkout/image/build/describe.mjs"
}

# MiB up to the last one of a file in which there is something. On a card that was used before, what lies between the
# parts of a file system has to be overwritten, even where it is zero.
used_mib() { # file
  local bytes
  case $1 in
    # Beyond the last used cluster nothing is ever read.
    *.fat) bytes=$(filefrag_end "$work/$1") ;;
    *) bytes=$(stat -c %s "$work/$1") ;;
  esac
  echo $(((bytes + 1048575) / 1048576))
}
# The end of the last part that is not zero.
filefrag_end() { node -e '
  const { openSync, readSync, fstatSync } = require("node:fs");
  const file = openSync(process.argv[1]), size = fstatSync(file).size, block = Buffer.alloc(1 << 20);
  let end = 0;
  for (let at = 0; at < size; at += block.length) {
    const got = readSync(file, block, 0, block.length, at);
    if (block.subarray(0, got).some((byte) => byte !== 0)) end = at + got;
  }
  console.log(end);' "$1"; }
