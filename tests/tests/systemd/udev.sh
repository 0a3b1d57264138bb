# Runs the real udev on a stick that does not exist, with one set of rules and nothing of this machine's in its hands: in a
# mount namespace, where /sys is made up and /dev, /run and the folders of rules are empty.
# sh udev.sh FOLDER RULES
set -eu
folder=$1 rules=$2
mount --make-rprivate /
made=$folder/sys
stick=devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2
interface=$stick/1-1.2:1.0
port=$interface/ttyUSB0/tty/ttyUSB0
mkdir -p "$made/$port" "$made/class/tty" "$made/dev/char" "$made/bus/usb/drivers/usb" "$made/bus/usb/drivers/option" \
    "$made/bus/usb-serial/drivers/option1"
cd "$made"
printf 'MAJOR=189\nMINOR=5\nDEVNAME=bus/usb/001/006\nDEVTYPE=usb_device\nDRIVER=usb\n' > $stick/uevent
echo 12d1 > $stick/idVendor
echo 1001 > $stick/idProduct
echo HUAWEI > $stick/manufacturer
echo 'HUAWEI Mobile' > $stick/product
printf 'DEVTYPE=usb_interface\nDRIVER=option\n' > $interface/uevent
echo 00 > $interface/bInterfaceNumber
echo ff > $interface/bInterfaceClass
printf 'DRIVER=option1\n' > $interface/ttyUSB0/uevent
printf 'MAJOR=188\nMINOR=0\nDEVNAME=ttyUSB0\n' > $port/uevent
echo 188:0 > $port/dev
ln -s /sys/bus/usb $stick/subsystem
ln -s /sys/bus/usb/drivers/usb $stick/driver
ln -s /sys/bus/usb $interface/subsystem
ln -s /sys/bus/usb/drivers/option $interface/driver
ln -s /sys/bus/usb-serial $interface/ttyUSB0/subsystem
ln -s /sys/bus/usb-serial/drivers/option1 $interface/ttyUSB0/driver
ln -s /sys/class/tty $port/subsystem
ln -s /sys/$interface/ttyUSB0 $port/device
ln -s /sys/$port class/tty/ttyUSB0
ln -s /sys/$port dev/char/188:0
# What lies in a folder that is hidden below is read through this.
exec 9< "$rules"
mount --bind "$made" /sys
cd /
for place in /run /etc/udev /usr/lib/udev/rules.d /dev; do
    [ -d $place ] && mount -t tmpfs -o mode=755 tmpfs $place
done
mknod -m 666 /dev/null c 1 3
mknod /dev/ttyUSB0 c 188 0
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/78-simrelay.rules < /proc/self/fd/9
export SYSTEMD_DEVICE_VERIFY_SYSFS=0
echo "PORT"
udevadm test --action=add /sys/$port 2>/dev/null
echo "STICK"
udevadm test --action=add /sys/$stick 2>/dev/null
echo "LINKS"
readlink /dev/simrelay/*
ls /dev/simrelay
