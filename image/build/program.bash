# shellcheck shell=bash
# Part of scripts/build-image: the gateway's program, for the image's Node.js.
# shellcheck disable=SC2154 # checkout, cache, work, base are build-image's own

# What goes into the image: of all that is built the gateway alone. Built beside the checkout, whose dist/ may be in use.
build_program() {
  local dist=$program_given source=$work/source
  "$checkout/scripts/install-modules"
  if [[ -z $dist ]]; then
    rm -rf "$source"
    mkdir -p "$source"
    cp -r "$checkout"/{src,scripts,package.json,package-lock.json,tsconfig.json} "$source/"
    # Not a link: the bundler puts where a package really lies into the names of the parts.
    cp -rlT "$(realpath "$checkout/node_modules")" "$source/node_modules"
    (cd "$source" && node scripts/build.mjs)
    rm -rf "$source/node_modules"
    dist=$source/dist
  fi
  [[ -f $dist/paxgate.js ]] || die "there is no paxgate.js in $dist"
  rm -rf "$program"
  mkdir -p "$program/native"
  cp -r --no-preserve=all "$dist"/{paxgate.js,web} "$program/"
  [[ ! -d $dist/parts ]] || cp -r --no-preserve=all "$dist/parts" "$program/"
  find "$program" -name '*.map' -delete
  chmod 755 "$program/paxgate.js"
  compile_epoll
}

# The number by which Node.js tells whether a compiled part fits it: that of the image's library.
compile_epoll() {
  local library abi headers package=$checkout/node_modules/epoll output
  library=$(find "$base/usr/lib" -name 'libnode.so.*' -printf '%f\n' | head -n 1)
  abi=${library##*.}
  [[ $abi =~ ^[0-9]+$ ]] || die "the image's Node.js has no library named after its ABI"
  output=$program/native/epoll-arm64-$abi.node
  headers=$(fetch_headers)
  local compiler=aarch64-linux-gnu-g++
  [[ $machine != arm64 ]] || compiler=g++
  "$compiler" -std=c++17 -O2 -fPIC -shared -s -fno-exceptions -fvisibility=hidden \
    -ffile-prefix-map="$checkout=." -DNODE_GYP_MODULE_NAME=epoll -DBUILDING_NODE_EXTENSION \
    -I "$headers/usr/include/node" -I "$headers/usr/include" -I "$checkout/node_modules/nan" -o "$output" "$package"/src/*.cc
  # It runs on the image's C library only if it asks for nothing newer.
  local symbols
  symbols=$("${compiler%g++}objdump" -T "$output" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
  echo "epoll: ABI $abi, $symbols"
}

# Node.js's headers of the very version of the image, from its development package; only unpacked.
fetch_headers() {
  local nodejs directory
  nodejs=$(sed -n 's/^\(libnode[0-9]*\)_\([^_]*\)_arm64\.deb .*/\2/p' "$work/resolved")
  directory=$cache/node-headers-${nodejs//[^A-Za-z0-9.+~-]/_}
  if [[ ! -d $directory ]]; then
    rm -rf "$cache"/node-headers-* "$work/headers"
    mkdir -p "$work/headers" "$directory.new"
    (cd "$work/headers" && apt_at "$packages_root" download libnode-dev libuv1-dev) >&2
    local file
    for file in "$work/headers"/*.deb; do dpkg-deb -x "$file" "$directory.new"; done
    mv "$directory.new" "$directory"
  fi
  printf '%s\n' "$directory"
}
