#!/bin/sh
# Makes a Debian package of the release build in .build/deb. Usage: .ci/deb.sh VERSION
#
# Needs dpkg-dev and binutils. dpkg-shlibdeps finds the libraries that the program links to. libs3 is named here,
# because the program opens it when S3 is used.
set -eu
cd "$(dirname "$0")/.."

version=$1
name=sqlite3-cloud-s3
architecture=$(dpkg --print-architecture)
root=$PWD/.build/deb/$name
rm -rf .build/deb
umask 022
mkdir -p "$root/DEBIAN"

make --no-print-directory install PREFIX=/usr DESTDIR="$root" >/dev/null
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/$name"
strip --strip-unneeded "$root/usr/lib/$name/sqlite3_cloud_s3.so"
for unit in Package/systemd/*.service; do
  install -D -m 644 "$unit" "$root/usr/lib/systemd/system/$(basename "$unit")"
done
gzip -9n "$root/usr/share/man/man1/$name.1"

documents=$root/usr/share/doc/$name
mkdir -p "$documents"
cp README.md "$documents"
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
  printf 'Files: *\nCopyright: %s\nLicense: Expat\n' "$(sed -n 's/^Copyright (c) //p' LICENSE)"
  sed -e '1,/^Copyright/d' LICENSE | sed -e '1{/^$/d}' -e 's/^$/./' -e 's/^/ /'
} >"$documents/copyright"
# As dpkg-dev's own programs: DEBFULLNAME and DEBEMAIL say who makes the package.
maintainer="${DEBFULLNAME:-The sqlite3-cloud-s3 developers} <${DEBEMAIL:-developers@sqlite3-cloud-s3.invalid}>"
{
  printf '%s (%s) unstable; urgency=medium\n\n' "$name" "$version"
  printf '  * See Docs/Changelog.md in the source.\n\n'
  printf ' -- %s  %s\n' "$maintainer" "$(LC_ALL=C date -R -r Docs/Changelog.md)"
} | gzip -9n >"$documents/changelog.gz"

# Linked at a fixed address on purpose: .ci/release.sh says why. The C++ library, zstd, lz4 and nettle may be linked in.
mkdir -p "$root/usr/share/lintian/overrides"
printf '%s: %s\n' "$name" hardening-no-pie >"$root/usr/share/lintian/overrides/$name"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "$name" "$name" >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O -e"$root/usr/bin/$name" -e"$root/usr/lib/$name/sqlite3_cloud_s3.so" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$libraries" ] || { echo "dpkg-shlibdeps found nothing" >&2; exit 1; }

cat >"$root/DEBIAN/control" <<CONTROL
Package: $name
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -k -s --exclude=DEBIAN "$root" | cut -f1)
Depends: $libraries, libs3-2
Recommends: ca-certificates
Suggests: sqlite3, zstd
Section: database
Priority: optional
Description: SQLite shell that mirrors every commit to S3
 The shell of sqlite3, with its options, dot-commands, output modes, errors and
 exit codes. One thing is added: every committed frame of the write-ahead log
 and every committed statement is mirrored to an S3 bucket or a directory, from
 either of which the database can be brought back to any transaction.
CONTROL
(cd "$root" && find usr -type f -exec md5sum {} + | LC_ALL=C sort -k2 >DEBIAN/md5sums)

package=.build/deb/${name}_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
rm -rf "$root"
echo "$package"
