# Settings of this machine that a clean root uses: the package archive, and the settings of apt, pip and TLS. Read by run.sh.

skip() {
  echo "skipped: $*" >&2
  exit 77
}

# The archive that apt uses here if it is Debian's, else the public one.
host_archive() {
  found=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's|^Debian Debian \(http[^ ]*[^/]\)/*$|\1|p' | head -n 1)
  echo "${found:-http://deb.debian.org/debian}"
}

# debootstrap knows proxies from the environment only.
http_proxy=${http_proxy:-$(apt-config dump Acquire::http::Proxy 2>/dev/null | sed -n 's/.*"\(http[^"]*\)";/\1/p')}
[ -z "$http_proxy" ] || export http_proxy

can_reach() {
  wget -q -O /dev/null "$1/dists/$2/Release" || wget -q -O /dev/null "$1/dists/$2/InRelease"
}

# The folder of this machine's Swift, if all of it can be used.
host_swift() {
  library=$(swiftc -print-target-info 2>/dev/null | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
  folder=$(realpath -m "$library/../..")
  if [ -n "$library" ] && [ "$folder" != /usr ] && [ -x "$folder/bin/swift" ]; then echo "$folder"; fi
}

# Settings of apt and pip, certificates that were added to the system's.
give_host_settings() {
  apt-config dump 2>/dev/null | grep -E '^Acquire::(https?|ForceIPv[46]|Retries|Check-(Valid-Until|Date))\b' \
    >"$1/etc/apt/apt.conf.d/90host" || true
  for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    [ ! -f "$file" ] || cp -L "$file" "$1$file"
  done
  pip=${HOME:-/root}/.config/pip/pip.conf
  [ ! -f "$pip" ] || install -D -m 600 "$pip" "$1/root/.config/pip/pip.conf"
  for file in /usr/local/share/ca-certificates/*.crt; do
    [ ! -f "$file" ] || install -D -m 644 "$file" "$1$file"
  done
  chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin update-ca-certificates >/dev/null 2>&1
  if [ -f "${PIP_CERT:-}" ] && [ ! -f "$1$PIP_CERT" ]; then install -D -m 644 "$PIP_CERT" "$1$PIP_CERT"; fi
}

# Copies the current source without build results; build results in the root stay.
give_source() {
  mkdir -p "$2"
  find "$2" -mindepth 1 -maxdepth 1 ! -name '.build' ! -name '.venv-tests' -exec rm -rf {} +
  if git -C "$1" rev-parse --git-dir >/dev/null 2>&1; then
    (cd "$1" && git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null) >"$2/files"
  else
    (cd "$1" && find . -mindepth 1 \( -name '.build*' -o -name '.venv*' -o -name '.git' \) -prune -o ! -type d -print) >"$2/files"
  fi
  tar -C "$1" --owner=0 --group=0 -cf - -T "$2/files" | tar -C "$2" -xf -
  rm "$2/files"
}
