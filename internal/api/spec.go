package api

// What HTTP takes to configure linkd: the nouns in the words of the project file. These types describe bodies; what a
// body means, and whether it is right, is read from its JSON by the loader of the project file alone.

// ProviderSpec is a provider's own configuration, without its connections and fleets.
type ProviderSpec struct {
	Name              string        `json:"name,omitempty" doc:"That of the path."`
	Title             string        `json:"title,omitempty"`
	Type              string        `json:"type" enum:"tcp-server,tcp-client"`
	LocalIP           string        `json:"local_ip,omitempty" doc:"Empty: all addresses of this machine."`
	LocalPort         int           `json:"local_port,omitempty" minimum:"0" maximum:"65535"`
	ConnIdentity      string        `json:"conn_identity,omitempty" enum:"common,fix-ip"`
	Identity          *IdentitySpec `json:"identity,omitempty"`
	OnDuplicate       string        `json:"on_duplicate,omitempty" enum:"newest,oldest"`
	MaxConnections    int           `json:"max_connections,omitempty" minimum:"0"`
	AcceptRate        float64       `json:"accept_rate,omitempty" minimum:"0" doc:"Links a second; 0: no limit."`
	IdleTimeout       string        `json:"idle_timeout,omitempty" doc:"Duration; 0s: never."`
	Keepalive         string        `json:"keepalive,omitempty"`
	UserTimeout       string        `json:"user_timeout,omitempty"`
	ProxyFrom         []string      `json:"proxy_from,omitempty" doc:"Balancers whose PROXY header is required."`
	DownlinkKeepalive *DownlinkSpec `json:"downlink_keepalive,omitempty"`
	ConnectTimeout    string        `json:"connect_timeout,omitempty" doc:"tcp-client."`
	RedialMin         string        `json:"redial_min,omitempty" doc:"tcp-client."`
	RedialMax         string        `json:"redial_max,omitempty" doc:"tcp-client."`
}

// IdentitySpec says how a link states its Socket Conn Id.
type IdentitySpec struct {
	Preset    string   `json:"preset,omitempty"`
	Timeout   string   `json:"timeout,omitempty"`
	Quiet     string   `json:"quiet,omitempty"`
	MaxBytes  int      `json:"max_bytes,omitempty"`
	Length    int      `json:"length,omitempty"`
	Endian    string   `json:"endian,omitempty"`
	Pattern   string   `json:"pattern,omitempty"`
	Prefix    string   `json:"prefix,omitempty"`
	Suffix    string   `json:"suffix,omitempty"`
	Heartbeat []string `json:"heartbeat,omitempty"`
	Mode      string   `json:"mode,omitempty"`
	Ack       string   `json:"ack,omitempty"`
	Nack      string   `json:"nack,omitempty"`
}

// DownlinkSpec is what linkd sends to a device that would redial when the server is silent.
type DownlinkSpec struct {
	Every string `json:"every"`
	Data  string `json:"data"`
}

// ConnectionSpec is a connection point.
type ConnectionSpec struct {
	Name         string `json:"name,omitempty" doc:"That of the path."`
	Title        string `json:"title,omitempty"`
	SocketConnID string `json:"socket_conn_id,omitempty" doc:"Common."`
	Secret       string `json:"secret,omitempty" doc:"Where the identity preset carries one."`
	RemoteIP     string `json:"remote_ip,omitempty" doc:"Fix IP: an address or a CIDR."`
	Host         string `json:"host,omitempty" doc:"tcp-client."`
	Port         int    `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"tcp-client."`
	Enabled      *bool  `json:"enabled,omitempty" doc:"True unless it is said."`
}

// FleetSpec is many connection points by pattern.
type FleetSpec struct {
	Name         string `json:"name,omitempty" doc:"That of the path, such as f{n}."`
	Title        string `json:"title,omitempty"`
	SocketConnID string `json:"socket_conn_id"`
	From         int    `json:"from"`
	To           int    `json:"to"`
}

// ModelSpec is tags that many devices share.
type ModelSpec struct {
	Name  string    `json:"name,omitempty" doc:"That of the path."`
	Title string    `json:"title,omitempty"`
	Tags  []TagSpec `json:"tags"`
}

// TagSpec is one value of a device.
type TagSpec struct {
	Name     string    `json:"name"`
	Title    string    `json:"title,omitempty"`
	Address  string    `json:"address,omitempty" doc:"As the driver has it."`
	Type     string    `json:"type,omitempty"`
	Order    string    `json:"order,omitempty"`
	Length   int       `json:"length,omitempty"`
	Scale    float64   `json:"scale,omitempty" doc:"value = raw * scale + offset; 1 unless it is said."`
	Offset   float64   `json:"offset,omitempty"`
	Clamp    []float64 `json:"clamp,omitempty" minItems:"2" maxItems:"2" doc:"Lowest and highest value."`
	Unit     string    `json:"unit,omitempty"`
	Decimals *int      `json:"decimals,omitempty"`
	Poll     string    `json:"poll,omitempty"`
	Deadband float64   `json:"deadband,omitempty"`
	Expr     string    `json:"expr,omitempty"`
	Writable bool      `json:"writable,omitempty"`
	Readback bool      `json:"readback,omitempty"`
	OnChange bool      `json:"on_change,omitempty"`
}

// ChannelSpec associates connections with a driver.
type ChannelSpec struct {
	Name       string         `json:"name,omitempty" doc:"That of the path; may hold {connection}."`
	Title      string         `json:"title,omitempty"`
	Connection string         `json:"connection,omitempty" doc:"PROVIDER/NAME; NAME may end in *."`
	Driver     string         `json:"driver"`
	Poll       string         `json:"poll,omitempty"`
	Devices    []DeviceSpec   `json:"devices,omitempty"`
	Options    map[string]any `json:"options,omitempty" doc:"The driver's own."`
}

// DeviceSpec is one unit behind a link.
type DeviceSpec struct {
	Name    string         `json:"name"`
	Title   string         `json:"title,omitempty"`
	Unit    int            `json:"unit,omitempty"`
	Address string         `json:"address,omitempty"`
	Model   string         `json:"model,omitempty"`
	Driver  string         `json:"driver,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	Poll    string         `json:"poll,omitempty"`
	Tags    []TagSpec      `json:"tags,omitempty"`
}

// OutputSpec is where values go beside the bus.
type OutputSpec struct {
	Name    string         `json:"name,omitempty" doc:"That of the path."`
	Title   string         `json:"title,omitempty"`
	Type    string         `json:"type"`
	Format  string         `json:"format,omitempty"`
	Options map[string]any `json:"options,omitempty" doc:"The type's own."`
}
