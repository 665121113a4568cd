# shellcheck shell=bash
# Part of scripts/build-image: what all of its steps use.
# shellcheck disable=SC2154 # work and checkout are build-image's own

say() { printf 'image: %s\n' "$*"; }
die() {
  printf 'image: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '       %s\n' "$@" >&2; fi
  exit 1
}

# A step is a group of processes of its own: whoever ends the build, even outright, ends all of it. The pipe to the one
# who waits here closes then. Outright, too: what a step has mounted is in a namespace that ends with it.
child=''
watch_over() {
  rm -f "$work/watch" "$work/child"
  mkfifo "$work/watch"
  # shellcheck disable=SC2016 # the inner shell's own
  setsid bash -c '
    trap "" INT TERM HUP
    cat "$1/watch" >/dev/null
    group=$(cat "$1/child" 2>/dev/null)
    [[ -z $group ]] || kill -KILL -- "-$group"' bash "$work" 9>&- >/dev/null 2>&1 &
  exec 7>"$work/watch"
}
stop_child() {
  trap '' INT TERM HUP
  if [[ -n $child ]]; then kill -KILL -- "-$child" 2>/dev/null || true; fi
}
trap 'stop_child; exit 130' INT
trap 'stop_child; exit 143' TERM HUP

times=()
# Runs a step, says which one, and keeps its time. What it prints goes to a file, shown when the step fails: progress
# stays readable.
step() { # name, command...
  local name=$1 started=$EPOCHREALTIME result=0
  shift
  printf 'image: %-34s' "$name ..."
  set -m
  # A shell of its own, not within "if" or "||": bash would ignore a failing command in the step.
  (
    set +m -e
    trap - INT TERM HUP
    exec 7>&-
    "$@"
  ) >"$work/log/${name// /-}" 2>&1 </dev/null &
  child=$!
  set +m
  echo "$child" >"$work/child"
  wait "$child" || result=$?
  child=''
  : >"$work/child"
  local took
  took=$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  if ((result != 0)); then
    printf 'failed after %s s\n' "$took"
    tail -n 40 "$work/log/${name// /-}" >&2
    die "the step \"$name\" failed; its last words are above, all of them in $work/log/${name// /-}"
  fi
  printf '%7s s\n' "$took"
  times+=("$(printf '%8s s  %s' "$took" "$name")")
}

# The lines of lists without comments and empty ones; a list that is not there is empty.
lines_of() { # file...
  local file
  for file; do
    [[ ! -f $file ]] || sed 's/[[:space:]]*#.*//; s/^[[:space:]]*//; /^$/d' "$file"
  done
}

# One hash of the contents and modes of files and directories, in any order of theirs.
hash_of() { # path...
  local path
  for path; do
    [[ ! -e $path ]] || find "$path" -type f -printf '%m %P ' -exec sha256sum {} \;
  done | sed "s,$checkout/,," | LC_ALL=C sort | sha256sum | cut -c1-16
}

layers=()
find_layers() {
  local layer
  for layer in "$checkout"/image/layers/[0-9][0-9]-*/; do layers+=("${layer%/}"); done
  ((${#layers[@]} > 0)) || die "there are no layers in image/layers"
}

# A hash of those lists of all layers that decide what the base is.
layer_lists() { # name of list
  local layer
  for layer in "${layers[@]}"; do lines_of "$layer/$1"; done
}
