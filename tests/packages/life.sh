# The life of a Debian package, in a copy of this machine: `unshare --mount bash life.sh FILE.deb`. Each step prints its title.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
package=$1

mount -t tmpfs none /mnt
mkdir /mnt/{upper,work,copy}
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/copy
mount -t proc proc /mnt/copy/proc
mount --rbind /dev /mnt/copy/dev
mount -t tmpfs none /mnt/copy/run
mkdir -p /mnt/copy/run/systemd/system /mnt/copy/packages
cp "$package" /mnt/copy/packages/first.deb

# The same package with a higher version.
dpkg-deb --raw-extract "$package" /mnt/next
sed -i 's/^Version: .*/&+next/' /mnt/next/DEBIAN/control
dpkg-deb --root-owner-group -Znone --build /mnt/next /mnt/copy/packages/next.deb >/dev/null

cat >/mnt/copy/usr/local/sbin/systemctl <<'END'
#!/bin/sh
echo "$*" >>/packages/calls
if [ "$1" = list-units ]; then cat /packages/running; fi
END
chmod +x /mnt/copy/usr/local/sbin/systemctl
: >/mnt/copy/packages/running

exec chroot /mnt/copy bash -euo pipefail -s <<'END'
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
step() { echo "== $1"; }
calls() { step "$1"; cat /packages/calls; : >/packages/calls; }
kept() { find /etc/parking-gateway /var/lib/parking-gateway /usr/lib/parking-gateway -type f 2>/dev/null | sort || true; }
cd /
# Not the gateway of this machine, if it has one.
dpkg --purge parking-gateway >/dev/null 2>&1 || true
rm -rf /etc/parking-gateway /var/lib/parking-gateway

dpkg --install /packages/first.deb
calls "calls of installing"
step version
parking-gateway version >/dev/null
/usr/lib/parking-gateway/bin/python -I -c 'import parking_gateway; print(parking_gateway.__file__)'
step "not compiled"
find /usr/lib/parking-gateway -path '*/parking_gateway/process/*.py' | while read -r module; do
    compiled=$(dirname "$module")/__pycache__/$(basename "$module" .py).cpython-*.pyc
    [ -e $compiled ] || echo "$module"
done
step places
stat --format '%U %G %a %n' /etc/parking-gateway /etc/parking-gateway/config.toml /var/lib/parking-gateway
step units
grep --no-filename ^ExecStart= /lib/systemd/system/parking-gateway@.service /lib/systemd/system/parking-gateway.service
step manual
man -w parking-gateway 2>/dev/null || find /usr/share/man/man1 -name 'parking-gateway.1.gz'
step completion
(
    source /usr/share/bash-completion/completions/parking-gateway
    COMP_WORDS=(parking-gateway d) COMP_CWORD=1
    _parking_gateway_completion parking-gateway
    printf '%s\n' "${COMPREPLY[@]}" | sort | xargs
)

# It takes seconds, and was looked at.
ln -s /bin/true /usr/local/sbin/py3compile
step upgrading
echo '# mine' >>/etc/parking-gateway/config.toml
echo secret >/etc/parking-gateway/mqtt__password
touch /var/lib/parking-gateway/journal.sqlite
echo 'parking-gateway@north.service loaded active running Parking gateway north' >/packages/running
: >/packages/calls
dpkg --install /packages/next.deb
calls "calls of upgrading"
step upgraded
tail -1 /etc/parking-gateway/config.toml
dpkg-query --show --showformat '${Version}\n' parking-gateway
ls /var/lib/parking-gateway/journal.sqlite
: >/packages/running

step removing
dpkg --remove parking-gateway
step removed
kept | grep -v mqtt__password
step purging
dpkg --purge parking-gateway
step purged
kept
step "installing again"
dpkg --install /packages/first.deb
echo 'parking-gateway parking-gateway/purge-data boolean true' | debconf-set-selections
step "purging with the data"
dpkg --purge parking-gateway
step "purged with the data"
kept
END
