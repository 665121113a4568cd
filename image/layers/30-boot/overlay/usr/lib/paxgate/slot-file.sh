# shellcheck shell=sh
# The slot block: which of the two systems starts, and whether that one is on trial. Sourced by the initrd's init (busybox)
# and by rauc-slot (dash); works with plain sh, printf and dd.
#
# It is the first sector, 512 bytes, of config.txt on the boot partition. (Not a file of its own: the bootloader of the Pi 5
# follows no "include".) To the firmware all but the first line is comment. It is rewritten in place, so that a loss of
# power leaves the old or the new text: one sector is written, no cluster is allocated, no directory entry moves.
#
#   os_prefix=b/     the system that starts: its kernel, initrd and cmdline.txt are in b/
#   # trial 2        "good", or how many more times it may be tried before the other one gets its place back
#   # other good     whether the other system can be started ("bad": never installed, half written, or failed)

# The length of the slot block, bytes: a sector, the smallest piece that a card writes.
readonly slot_size=512
# How often a new system is tried. Two: one attempt may be lost to somebody pulling the plug.
# shellcheck disable=SC2034  # used by rauc-slot
readonly slot_tries=2

# Sets slot (a, b), tries (none, 0 … 9) and other (good, bad) from the file $1. Fails when it is missing or not understood:
# somebody's own line there would be lost at the next write.
slot_read() {
  slot='' tries='' other=bad
  block=$(dd if="$1" bs="$slot_size" count=1 2>/dev/null | tr -d '\000\r')
  while IFS= read -r line; do
    case $line in
      os_prefix=a/) slot=a ;;
      os_prefix=b/) slot=b ;;
      '# good') tries=none ;;
      '# trial '[0-9]) tries=${line#\# trial } ;;
      '# other good') other=good ;;
      '' | '#'*) ;;
      *) return 1 ;;
    esac
  done <<EOT
$block
EOT
  [ -n "$slot" ] && [ -n "$tries" ]
}

# The other one of the two slots.
slot_other() {
  if [ "$1" = a ]; then echo b; else echo a; fi
}

# The text for slot $1, tries $2, other $3: always exactly slot_size bytes.
slot_text() {
  case $1-$2-$3 in
    [ab]-none-good | [ab]-none-bad | [ab]-[0-9]-good | [ab]-[0-9]-bad) ;;
    *) return 1 ;;
  esac
  if [ "$2" = none ]; then mark=good; else mark="trial $2"; fi
  text=$(printf 'os_prefix=%s/\n# %s\n# other %s\n%s' "$1" "$mark" "$3" \
    '# Which system starts. 512 bytes, rewritten in place: write your own lines further down.')
  # Lines that look like comments to the firmware, whose lines may not be long.
  while [ $((slot_size - ${#text})) -gt 80 ]; do
    text=$(printf '%s\n%s' "$text" '###############################################################')
  done
  printf '%s\n' "$text"
  printf '%*s\n' $((slot_size - ${#text} - 2)) '' | tr ' ' '#'
}

# Writes $1 for slot $2, tries $3, other $4 and reads it back. Succeeds only when the card says that it has it.
slot_write() {
  # One write of one sector: dd gets all of it in one piece from the pipe, as it is shorter than a pipe's atomic write.
  wanted=$(slot_text "$2" "$3" "$4") || return 1
  printf '%s\n' "$wanted" | dd of="$1" bs="$slot_size" count=1 conv=notrunc,fsync 2>/dev/null || return 1
  slot_read "$1" && [ "$slot-$tries-$other" = "$2-$3-$4" ]
}

# What the initrd does, given what slot_read has set and the slot $1 that was really started. Prints one of
#   boot     go on, nothing to write
#   count    one attempt fewer is left, then go on
#   back     the attempts are used up: the other system gets its place back, restart
slot_decide() {
  if [ "$tries" = none ] || [ "$slot" != "$1" ]; then
    echo boot
  elif [ "$tries" != 0 ]; then
    echo count
  elif [ "$other" = good ]; then
    echo back
  else
    # There is nothing to go back to: a doubtful system is better than none.
    echo boot
  fi
}
