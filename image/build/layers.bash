# shellcheck shell=bash
# Part of scripts/build-image: the layers put onto the base, one after the other.
# shellcheck disable=SC2154 # work, base, program and the like are build-image's own

# The tree of this build, from the base that is kept, without what the layers drop.
copy_base() {
  rm -rf "$tree" "$boot"
  mkdir -p "$boot"
  cp -a --reflink=auto "$base" "$tree"
  layer_lists drop >"$work/drop"
  "$checkout/image/build/slim" "$tree" "$work/drop"
}

# Everything that a layer's configure may rely on. README.md tells the same.
layer_environment() {
  export ROOT=$tree BOOT=$boot DIST=$program CHECKOUT=$checkout VERSION=$version DISK_ID=$disk_id \
    SIGNING_CERT=$signing_cert SOURCE_DATE_EPOCH
}

apply_layer() { # directory
  local layer=$1
  layer_environment
  if [[ -d $layer/overlay ]]; then
    # Neither times nor owners of the checkout: root's, and only the right to run is kept.
    (cd "$layer/overlay" && find . -mindepth 1 -type d -printf '%P\0') | (cd "$tree" && xargs -0 -r mkdir -p --)
    (cd "$layer/overlay" && find . ! -type d -print0 | LC_ALL=C sort -z) | while IFS= read -r -d '' file; do
      put_overlay "$layer/overlay/$file" "$tree/$file"
    done
  fi
  if [[ -d $layer/boot ]]; then cp -rT "$layer/boot" "$boot"; fi
  if [[ -x $layer/configure ]]; then (cd "$layer" && ./configure); fi
}

put_overlay() { # file, target
  local mode=644
  [[ ! -x $1 || -L $1 ]] || mode=755
  # Links are put as they are, and replace what stands there; a link to a directory is not followed.
  rm -f -- "$2"
  if [[ -L $1 ]]; then cp -P --no-preserve=all -- "$1" "$2"; else install -m "$mode" -- "$1" "$2"; fi
}

apply_layers() {
  local layer
  for layer in "${layers[@]}"; do
    step "layer ${layer##*/}" apply_layer "$layer"
  done
}

# What can be done only when all layers are there.
finish_tree() {
  layer_environment
  # Users of the layers' sysusers.d.
  systemd-sysusers --root="$tree"
  # What the layers' presets turn on; 10-base has turned all else off.
  local units
  units=$(sed -n 's/^enable //p' "${layers[@]/%//overlay/usr/lib/systemd/system-preset/paxgate.preset}" 2>/dev/null || true)
  # shellcheck disable=SC2086 # a name per word
  [[ -z $units ]] || systemctl --root="$tree" enable $units
  # What the first system's kernel is started with; what an update does, too.
  "$tree/usr/lib/paxgate/install-kernel" "$tree/usr/lib/paxgate/boot" "$boot/a" a "$disk_id"
  # It has done its duty: the boot partition and usr/lib/paxgate/boot have it.
  rm -rf "$tree"/usr/lib/modules/*/{vmlinuz,dtb} "$tree/usr/bin/busybox"
  node "$checkout/image/build/libraries.mjs" "$tree"
  "$checkout/image/build/settle" "$tree" "$SOURCE_DATE_EPOCH"
}
