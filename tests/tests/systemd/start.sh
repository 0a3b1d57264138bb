# Becomes a systemd that is the first process of namespaces of its own, with nothing of this machine's in its hands: its
# units are those in FOLDER/units, and what it writes to /etc, /usr, /var, /run, /tmp and /dev is gone with it.
# sh start.sh FOLDER PROGRAM; FOLDER has units/, etc/ (for /etc/simrelay), sysusers.conf and tmpfiles.conf.
set -eu
folder=$1 program=$2
mount --make-rprivate /
layers=$folder/layers
mkdir -p "$layers"
mount -t tmpfs tmpfs "$layers"
for top in etc usr var; do
    mkdir "$layers/$top" "$layers/$top.work"
    mount -t overlay -o "lowerdir=/$top,upperdir=$layers/$top,workdir=$layers/$top.work" overlay "/$top"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/units /run/empty
cp -r "$folder"/units/* /run/units
mkdir -p /usr/local/bin
touch /usr/local/bin/simrelay
mount --bind "$program" /usr/local/bin/simrelay
systemd-sysusers "$folder/sysusers.conf"
systemd-tmpfiles --create "$folder/tmpfiles.conf"
cp "$folder"/etc/* /etc/simrelay
chown root:simrelay /etc/simrelay/*
chmod 640 /etc/simrelay/simrelay.toml /etc/simrelay/key.pem
# No generator of this machine, whose mounts and consoles they would look at.
mount --bind /run/empty /usr/lib/systemd/system-generators
mount -t tmpfs -o mode=755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/full c 1 7
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
touch /run/console /dev/console
mount --bind /run/console /dev/console
# One hierarchy, of which this group is the root.
umount -R -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /tmp
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=simrelay-test SYSTEMD_UNIT_PATH=/run/units \
    /lib/systemd/systemd --unit=multi-user.target --log-target=console --log-level=info --default-standard-output=null
