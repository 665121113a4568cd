# shellcheck shell=bash
# Part of scripts/build-image: file systems and the card's image, without a mount, a loop device or a time of today.
# shellcheck disable=SC2154 # work, tree, boot and the like are build-image's own

# The same in every build: a system installed by an update names its partitions by it.
readonly disk_id=50415847
# Sizes in MiB. A root slot takes a system twice as large as today's; the data partition grows at the first start.
readonly gap_mib=4 boot_mib=192 slot_mib=320 data_mib=64
readonly boot_at=$gap_mib
readonly a_at=$((boot_at + boot_mib))
readonly b_at=$((a_at + slot_mib))
readonly data_at=$((b_at + slot_mib))
readonly card_mib=$((data_at + data_mib))

# zstd: unpacked three times as fast as xz on a Pi, for 15 % more. Small blocks cost room, large ones time at each read.
make_root() {
  rm -f "$work/root.squashfs"
  # All processors' results are put in order: the same bytes. The list of what belongs to whom is the tree's own.
  env -u SOURCE_DATE_EPOCH mksquashfs "$tree" "$work/root.squashfs" -quiet -no-progress -noappend -comp zstd -Xcompression-level "$level" -b 128K \
    -mkfs-time "$SOURCE_DATE_EPOCH" -no-exports -processors "$jobs" -xattrs
  local size
  size=$(stat -c %s "$work/root.squashfs")
  echo "root: $((size / 1048576)) MiB"
  ((size <= slot_mib * 1048576)) || die "the root ($((size / 1048576)) MiB) is larger than its partition ($slot_mib MiB)"
}

make_boot() {
  rm -f "$work/boot.fat"
  find "$boot" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  truncate -s "${boot_mib}M" "$work/boot.fat"
  mkfs.vfat -F 32 -n BOOT --invariant "$work/boot.fat"
  # mtools take the order of the directory: one by one, sorted. Their own times come from SOURCE_DATE_EPOCH.
  export SOURCE_DATE_EPOCH MTOOLS_SKIP_CHECK=1
  (cd "$boot" && find . -mindepth 1 -type d -printf '%P\n' | LC_ALL=C sort) | while IFS= read -r path; do
    mmd -i "$work/boot.fat" "::$path"
  done
  (cd "$boot" && find . -type f -printf '%P\n' | LC_ALL=C sort) | while IFS= read -r path; do
    mcopy -m -i "$work/boot.fat" "$boot/$path" "::$path"
  done
  fsck.vfat -n "$work/boot.fat"
}

make_data() {
  rm -f "$work/data.ext4"
  truncate -s "${data_mib}M" "$work/data.ext4"
  # The time is fixed for old and new mke2fs. Made for the card that it grows to, not for the 64 MiB that it begins with:
  # blocks of 4 KiB, an inode for each 64 KiB (for each 128 once it has grown, as this is half a group), room for the
  # descriptors of a terabyte; none for root alone.
  local options=hash_seed=50415847-6461-7461-8000-000000000002,root_owner=0:0,lazy_itable_init=0,resize=268435456
  E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -b 4096 -i 65536 -L data -m 0 \
    -U 50415847-6461-7461-8000-000000000001 -E "$options" "$work/data.ext4"
}

make_card() {
  local card=$work/paxgate.img
  rm -f "$card"
  truncate -s "${card_mib}M" "$card"
  sfdisk --quiet "$card" <<EOT
label: dos
label-id: 0x$disk_id
unit: sectors

start=$((boot_at * 2048)), size=$((boot_mib * 2048)), type=c, bootable
start=$((a_at * 2048)), size=$((slot_mib * 2048)), type=83
start=$((b_at * 2048)), size=$((slot_mib * 2048)), type=83
start=$((data_at * 2048)), size=$((data_mib * 2048)), type=83
EOT
  local part
  for part in boot.fat:$boot_at root.squashfs:$a_at data.ext4:$data_at; do
    dd if="$work/${part%:*}" of="$card" bs=1M seek="${part#*:}" conv=notrunc,sparse status=none
  done
}
